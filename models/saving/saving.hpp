#pragma once
/// Models in files.
///
///   model.save("model.keras");
///   Model twin = load_model("model.keras");  // weights, optimizer and all
#include <string>

#include <nyala/models/model.hpp>
#include <nyala/models/saving/options.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The model of a file: .keras archives, legacy .h5 files and JSON, told apart by their bytes, not
/// by their names. It is compiled if the file says how, and training goes on where it stopped; JSON
/// gives new weights. Throws IoError for a file that cannot be read, FormatError for bytes that are
/// not what they claim to be, UnsupportedError for what Nyala does not read (it says what it is),
/// ValueError for models that do not hold together, LimitError beyond `limits`. A model file is
/// data: nothing in it is run, and no path in it is opened.
Model load_model(const std::string& path, const LoadModelArgs& args = {});

}  // namespace nyala

#pragma GCC visibility pop
