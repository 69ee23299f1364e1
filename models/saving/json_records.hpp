#pragma once
/// What a model's JSON says of its graph: which calls refer to which. Private to the reader.
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/layers/argument.hpp>
#include <nyala/layers/serialization.hpp>

namespace nyala::saving {

/// An output of a call: layer name, which call, which output.
struct Reference {
  std::string layer;
  std::int64_t call = 0;
  std::int64_t output = 0;
};

/// A call as JSON has it, in Keras 3's form or in that of tf.keras 2.x.
struct CallRecord {
  std::vector<Reference> tensors;
  /// With `Argument::symbol(i)` in the place of the tensors; for a layer one list or several
  /// tensors.
  Arguments arguments;
  /// The mask, where it is an output of a call; its symbols follow those of `tensors`. Keras 3
  /// writes the masks that tensors carry in this way too.
  Argument mask;
  std::vector<Reference> mask_tensors;
  /// Whether the mask was given by hand, for certain.
  bool mask_given = false;
};

/// Throws FormatError, UnsupportedError.
CallRecord read_call(const Config& node);
/// Whether this is [name, call, output].
bool is_triple(const Config& value);
Reference read_triple(const Config& value);
/// Whether a record is of an op rather than a layer.
bool is_operation_record(const Config& record);
/// Whether a record is of a Functional model or a Sequential.
bool is_functional_record(const Config& record);
bool is_sequential_record(const Config& record);
/// Whether Nyala, or the program, has what a record that is no model is made by.
bool is_known_layer(const Config& record);
/// An entry that is a text; empty for any other.
std::string text_entry(const Config& record, const char* key);
/// The layers of a Functional's config that its outputs need: all but the ops that make masks.
std::vector<const Config*> needed_layers(const Config& functional_config);
/// A class that neither Nyala nor the program knows, and the ways to its layers: "model/tower/a".
struct Unknown {
  std::string class_name;
  std::vector<std::string> places;
};
/// All of them, in all models inside.
std::vector<Unknown> unknown_classes(const Config& record);

}  // namespace nyala::saving
