#pragma once
/// Configurations of Keras 1, Keras 2 and tf.keras in the form of Keras 3. Private to the readers.
#include <nyala/core/config.hpp>

namespace nyala::saving {

/// A model, a layer or any other object: classes and options that are called otherwise now, at any
/// depth. What Keras 3 writes stays as it is. Throws UnsupportedError for what cannot be said
/// today.
Config modern_record(const Config& record);
/// The objects in a list or a dict.
Config modern_value(const Config& value);

/// What `compile` was given, from a "training_config" of any Keras.
Config modern_compile_config(const Config& training_config);

}  // namespace nyala::saving
