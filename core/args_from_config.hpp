#pragma once
/// How an Args struct is made from a configuration.
#include <string>
#include <vector>

#include <nyala/core/fields.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The options that a configuration holds, the others at their defaults. Throws ValueError, naming
/// `who`, for a key that is none of the struct's fields and for a value of the wrong kind.
template <class Args>
Args args_from_config(const std::string& who, const Config& config) {
  check_keys(who, config, field_names<Args>());
  Args args = unset_args<Args>();
  fields_from_config(who, config, args);
  return args;
}

}  // namespace nyala

#pragma GCC visibility pop
