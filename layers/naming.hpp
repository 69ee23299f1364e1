#pragma once
/// Names as Keras gives them.
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace nyala {

/// "BatchNormalization" -> "batch_normalization", "Conv2DTranspose" -> "conv2d_transpose".
std::string to_snake_case(std::string_view class_name);
/// The snake-case name of a class, numbered from the second time on: "dense", "dense_1".
std::string unique_name(std::string_view class_name);
/// Begins the numbering anew, as `keras.backend.clear_session`.
void clear_session();

/// While it lives, variables and layers made on this thread stand below `name`: "tower/dense".
class NameScope {
 public:
  explicit NameScope(const std::string& name);
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;
  /// The open scopes, joined by slashes.
  static std::string current();
};

}  // namespace nyala

#pragma GCC visibility pop
