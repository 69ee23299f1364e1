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
  const ZipReader archive(path, limits);
  NamedTensors tensors;
  tensors.reserve(archive.names().size());
  for (const std::string& member : archive.names()) {
    if (!member.ends_with(kEnding)) {
      throw FormatError(path + ": member " + quote_text(member) +
                        " is no array: its name ends not in .npy");
    }
    const auto source = archive.open(member);
    tensors.emplace_back(member.substr(0, member.size() - kEnding.size()),
                         read_npy(*source, limits));
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
