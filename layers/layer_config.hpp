#pragma once
/// How a layer comes back from its configuration, and what a program registers for that.
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <nyala/layers/layer_handle.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// How a layer comes back from its configuration.
using LayerFactory = std::function<std::shared_ptr<BaseLayer>(const Config& config)>;

namespace detail {
template <class Args>
std::shared_ptr<BaseLayer> layer_from_current_config(const std::string& who, const Config& config);
}

/// Reads name, trainable and dtype, then the options; throws ValueError for an unknown key. An Args
/// may have `static std::array<const char*, N> ignored_keys()`, and `static Config
/// upgrade(Config)`, which turns an older configuration into today's.
template <class Args>
std::shared_ptr<BaseLayer> layer_from_config(const Config& config) {
  const std::string who = layer_class_name(std::type_identity<Args>());
  if constexpr (requires { Args::upgrade(config); }) {
    return detail::layer_from_current_config<Args>(who, Args::upgrade(config));
  } else {
    return detail::layer_from_current_config<Args>(who, config);
  }
}

namespace detail {

template <class Args>
std::shared_ptr<BaseLayer> layer_from_current_config(const std::string& who, const Config& config) {
  std::vector<std::string> known = field_names<Args>();
  // The last ones are what tf.keras 2.x writes, or takes, in any layer.
  known.insert(known.end(),
               {"name",
                "trainable",
                "dtype",
                "batch_input_shape",
                "input_shape",
                "input_dtype",
                "autocast"});
  if constexpr (requires { Args::ignored_keys(); }) {
    for (const char* key : Args::ignored_keys()) known.emplace_back(key);
  }
  check_keys(who, config, known);
  Args args = unset_args<Args>();
  fields_from_config(who, config, args);
  if (const Config* name = config.find("name"))
    args.name = name->is_null() ? "" : name->as_string();
  if (const Config* trainable = config.find("trainable")) args.trainable = trainable->as_bool();
  if (const Config* dtype = config.find("dtype"))
    args.dtype = ConfigCodec<DTypePolicy>::from(*dtype);
  return make_layer(std::move(args));
}

}  // namespace detail

struct RegisterArgs {
  std::string package = "Custom";
};

namespace detail {
void register_layer_class(const std::string& package,
                          const std::string& class_name,
                          const LayerFactory& factory);
}

/// Makes a layer of the user's own known to `model_from_json`; its JSON name is package>Name.
template <class L>
void register_layer(const RegisterArgs& args = {}) {
  using Args = typename L::args_type;
  detail::register_layer_class(
      args.package, layer_class_name(std::type_identity<Args>()), layer_from_config<Args>);
}

/// The factory of a class, by its registered name or its class name; null when unknown.
const LayerFactory* find_layer_class(const std::string& name);
/// "package>Name" of a registered class, empty for Keras's own.
std::string registered_layer_name(const std::string& class_name);
/// Every class name known, Keras's first.
std::vector<std::string> layer_class_names();

}  // namespace nyala

#pragma GCC visibility pop
