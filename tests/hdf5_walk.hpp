#pragma once
/// Everything in an HDF5 file by name, for comparison with what h5py sees: "/a/b" is a dataset,
/// "/a/b@name" an attribute; strings become the bytes of their lines.
#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/npz.hpp>

namespace nyala::testing {

inline Tensor text_tensor(const std::vector<std::string>& texts) {
  std::vector<std::uint8_t> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    bytes.push_back('\n');
  }
  return Tensor::from(bytes);
}

inline void walk(const saving::hdf5::Object& object, saving::NamedTensors& all) {
  for (const std::string& name : object.attribute_names()) {
    const std::string key = object.path() + "@" + name;
    try {
      all.emplace_back(key, object.attribute(name));
    } catch (const UnsupportedError&) {
      all.emplace_back(key, text_tensor(object.texts_attribute(name)));
    }
  }
  if (object.is_dataset()) {
    all.emplace_back(object.path(),
                     object.holds_strings() ? text_tensor(object.read_strings()) : object.read());
    return;
  }
  for (const std::string& name : object.names()) walk(object.at(name), all);
}

}  // namespace nyala::testing
