#include <string_view>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/npy.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/models/saving/zip.hpp>

namespace nyala::saving {
namespace {

constexpr std::string_view kEnding = ".npy";

Pieces npy_pieces(const Tensor& tensor) {
  Pieces pieces(npy_header(tensor.spec()));
  pieces.add(tensor);
  return pieces;
}

}  // namespace

Tensor load_npy(const std::string& path, const Limits& limits) {
  FileSource source(path);
  return read_npy(source, limits);
}

NamedTensors load_npz(const std::string& path, const Limits& limits) {
  NamedTensors tensors;
  for (auto& [name, stored] : stored_npz(path, limits))
    tensors.emplace_back(std::move(name), stored.read());
  return tensors;
}

NamedStored stored_npz(const std::string& path, const Limits& limits) {
  const ZipReader archive(path, limits);
  NamedStored tensors;
  tensors.reserve(archive.names().size());
  for (const std::string& member : archive.names()) {
    if (!member.ends_with(kEnding)) {
      throw FormatError(path + ": member " + quote_text(member) +
                        " is no array: its name ends not in .npy");
    }
    std::string name = member.substr(0, member.size() - kEnding.size());
    if (const auto part = archive.stored(member)) {
      const std::string who = path + ": member " + quote_text(member);
      tensors.emplace_back(std::move(name), stored_npy(*part, who, limits));
    } else {
      tensors.emplace_back(std::move(name), stored_tensor(read_npy(*archive.open(member), limits)));
    }
  }
  return tensors;
}

void save_npy(const std::string& path, const Tensor& tensor) {
  write_pieces(path, npy_pieces(tensor));
}

void save_npz(const std::string& path, const NamedTensors& tensors) {
  ZipWriter archive(path);
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) throw ValueError(path + ": " + quote_text(name) + " is no tensor");
    if (name.empty()) throw ValueError(path + ": received an empty name");
    archive.add({name + std::string(kEnding), npy_pieces(tensor)});
  }
  archive.commit();
}

}  // namespace nyala::saving
