#include <nyala/models/saving/saving.hpp>

#include <sys/stat.h>

#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/file_kind.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/keras_archive.hpp>
#include <nyala/models/saving/legacy_h5.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/models/saving/safetensors.hpp>
#include <nyala/models/saving/weights.hpp>

namespace nyala {
namespace {

using namespace saving;

bool ends(const std::string& path, std::string_view ending) {
  return path.size() > ending.size() && path.ends_with(ending);
}

std::uint64_t size_of_file(const std::string& path) { return FileSource(path).remaining(); }

void expect_free(const std::string& path, bool overwrite) {
  struct stat status {};
  if (!overwrite && ::lstat(path.c_str(), &status) == 0)
    throw IoError(path + ": is there already, and overwrite is false");
}

// Runs `f`; its errors then name the file and the Keras that wrote it.
template <class F>
auto of_file(const std::string& path, const std::string& version, F&& f) {
  const std::string by = version.empty() ? "" : " (written by Keras " + cut(version) + ")";
  return naming(path, [&] { return by.empty() ? f() : naming(path + by, f); });
}

Model load_files(const ModelFiles& files, const std::string& path, const LoadModelArgs& args) {
  const std::string version = archive_version(files, args.limits);
  return of_file(path, version, [&] { return load_archive(files, path, version, args); });
}

// What a zip archive is that holds no Keras model.
[[noreturn]] void refuse_archive(const std::string& path, const ZipReader& archive) {
  const auto& names = archive.names();
  const auto any = [&](std::string_view ending) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.ends_with(ending);
    });
  };
  if (any("data.pkl")) throw UnsupportedError(path + ": is a PyTorch file of pickled objects");
  if (any("saved_model.pb"))
    throw UnsupportedError(path + ": is an archive of a TensorFlow SavedModel folder");
  if (!names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& name) {
        return name.ends_with(".npy");
      }))
    throw UnsupportedError(path + ": holds arrays without a model; load_weights reads it");
  throw FormatError(path + ": is a zip archive without config.json");
}

[[noreturn]] void refuse_hdf5(const std::string& path, const hdf5::Object& root) {
  if (is_legacy_weights(root) || holds_state(root))
    throw UnsupportedError(path + ": holds weights without a model; load_weights reads it");
  std::string names;
  for (const std::string& name : root.names()) {
    if (names.size() < 200) names += (names.empty() ? "" : ", ") + quote_text(name);
  }
  throw FormatError(path + ": is an HDF5 file without a model_config, with [" + names + "]");
}

}  // namespace

Model load_model(const std::string& path, const LoadModelArgs& args) {
  const FileKind kind = file_kind(path);
  const std::string largest = kind == FileKind::folder ? path + "/model.weights.h5" : path;
  const detail::MemoryBudget budget(checked_add(args.limits.memory, size_of_file(largest), path));
  switch (kind) {
    case FileKind::zip: {
      const ZipReader archive(path, args.limits);
      if (!archive.contains("config.json")) refuse_archive(path, archive);
      return load_files(*model_files(archive, path, args.limits), path, args);
    }
    case FileKind::folder: return load_files(*model_files(path, args.limits), path, args);
    case FileKind::hdf5: {
      const hdf5::File file(path, args.limits);
      const hdf5::Object root = naming(path, [&] { return file.root(); });
      if (!is_legacy_model(root)) refuse_hdf5(path, root);
      return of_file(path, legacy_origin(root).version, [&] { return load_legacy(file, args); });
    }
    case FileKind::json:
      return naming(path, [&] {
        return model_from_json(read_text(path, args.limits.json_bytes), args.limits);
      });
    case FileKind::safetensors:
      throw UnsupportedError(path + ": holds tensors without a model; load_weights reads it");
  }
  throw StateError("load_model: unknown kind of file");
}

void Model::save(const std::string& path, const SaveArgs& args) const {
  const ModelBase& model = base("save");
  const bool legacy = ends(path, ".h5") || ends(path, ".hdf5");
  if (!legacy && !ends(path, ".keras")) {
    throw ValueError(
        "Invalid filepath extension for saving. Please add either a `.keras` extension "
        "for the native Keras format (recommended) or a `.h5` extension. Received: "
        "filepath=" +
        path);
  }
  expect_free(path, args.overwrite);
  if (legacy)
    save_legacy(model, path, args.include_optimizer);
  else
    save_archive(model, path);
}

void Model::save_weights(const std::string& path, const SaveWeightsArgs& args) const {
  const ModelBase& model = base("save_weights");
  if (!model.built())
    throw StateError(model.label() +
                     ": save_weights was called before it was built; call it on "
                     "data or build it first");
  expect_free(path, args.overwrite);
  if (ends(path, ".weights.h5")) return write_pieces(path, weights_hdf5(model));
  if (ends(path, ".npz")) return save_npz(path, weights_by_path(model));
  if (ends(path, ".safetensors")) return save_safetensors(path, weights_by_path(model));
  throw ValueError(
      "The filename must end in `.weights.h5` (or .npz, .safetensors). Received: filepath=" + path);
}

void Model::load_weights(const std::string& path, const LoadWeightsArgs& args) const {
  const ModelBase& model = base("load_weights");
  const FileKind kind = file_kind(path);
  if (!model.built())
    throw StateError(model.label() +
                     ": load_weights was called before it was built; call it on "
                     "data or build it first");
  const auto expect_no_names = [&] {
    if (args.by_name.has_value())
      throw ValueError(path + ": `by_name` only supports legacy .h5 files");
  };
  switch (kind) {
    case FileKind::zip: {
      expect_no_names();
      const ZipReader archive(path, args.limits);
      if (archive.contains("config.json")) {
        const auto files = model_files(archive, path, args.limits);
        return of_file(path, archive_version(*files, args.limits), [&] {
          load_archive_weights(model, *files, path, args);
        });
      }
      return naming(path, [&] {
        load_state(model, *open_store(stored_npz(path, args.limits)), args.skip_mismatch);
      });
    }
    case FileKind::hdf5: {
      const hdf5::File file(path, args.limits);
      const hdf5::Object root = naming(path, [&] { return file.root(); });
      if (is_legacy_weights(root)) {
        return of_file(
            path, legacy_origin(root).version, [&] { load_legacy_weights(model, file, args); });
      }
      expect_no_names();
      if (!holds_state(root)) refuse_hdf5(path, root);
      return naming(path, [&] { load_state(model, *open_store(file), args.skip_mismatch); });
    }
    case FileKind::safetensors:
      expect_no_names();
      return naming(path, [&] {
        load_state(model, *open_store(stored_safetensors(path, args.limits)), args.skip_mismatch);
      });
    case FileKind::folder: throw UnsupportedError(path + ": is a folder; load_model reads it");
    case FileKind::json: throw UnsupportedError(path + ": holds no weights");
  }
}

}  // namespace nyala
