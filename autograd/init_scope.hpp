#pragma once
/// Making variables while a function is traced. Not part of the public API.
#include <utility>

#include <nyala/autograd/variable.hpp>

namespace nyala::detail {

/// While it lives, variables are read, assigned and made as outside of any trace: for what builds
/// itself when it is first called and keeps its variables (a layer, an optimizer).
class InitScope {
 public:
  InitScope() : saved_(std::exchange(variable_listener(), nullptr)) {}
  ~InitScope() { variable_listener() = saved_; }
  InitScope(const InitScope&) = delete;
  InitScope& operator=(const InitScope&) = delete;

 private:
  VariableListener* saved_;
};

}  // namespace nyala::detail
