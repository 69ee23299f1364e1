#pragma once
/// What Keras calls `keras.config.epsilon()`.

namespace nyala {

/// Added to what is divided by or taken the logarithm of, where Keras adds it.
inline constexpr double kEpsilon = 1e-7;

}  // namespace nyala
