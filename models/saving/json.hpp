#pragma once
/// Models as JSON, in Keras 3's form.
///
///   std::string text = model.to_json();  // keras.models.model_from_json reads it
///   Model twin = model_from_json(text);
///   twin.set_weights(model.get_weights());
#include <string>

#include <nyala/layers/serialization.hpp>
#include <nyala/models/model.hpp>
#include <nyala/models/saving/limits.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The model of a text that `to_json` of Keras 3 or tf.keras 2.x gave, or of a .keras file's
/// config.json; with new weights, compiled if it says how. Throws FormatError for text that is not
/// JSON or not a model, ValueError (with the way to the layer) for layers that are unknown, options
/// that are wrong, and graphs that do not hold together, UnsupportedError for what Nyala does not
/// do, LimitError for text that is too long or too deep. It comes from strangers: classes are those
/// of Nyala and those that the program registered, and nothing else is run.
Model model_from_json(const std::string& json, const saving::Limits& limits = {});

namespace saving {

/// The same from what the text says; `version` is that of the Keras that wrote it, where the record
/// does not say.
Model model_from_record(Config record, const std::string& version = {});

}  // namespace saving
}  // namespace nyala

#pragma GCC visibility pop
