#include <nyala/layers/policy.hpp>

#include <mutex>

namespace nyala {

DTypePolicy::DTypePolicy(DType dtype) : name_(name_of(dtype)), compute_(dtype), variable_(dtype) {}

DTypePolicy::DTypePolicy(const std::string& name) : name_(name) {
  if (name == "mixed_float16" || name == "mixed_bfloat16") {
    compute_ = dtype_from_name(name.substr(6));
    return;
  }
  try {
    compute_ = variable_ = dtype_from_name(name);
  } catch (const TypeError&) {
    throw ValueError("dtype policy \"" + name.substr(0, 200) +
                     "\" is unknown; expected a dtype, \"mixed_float16\" or \"mixed_bfloat16\"");
  }
}

namespace {

struct GlobalPolicy {
  std::mutex mutex;
  DTypePolicy policy;
};
GlobalPolicy& global_policy() {
  static GlobalPolicy global;
  return global;
}

}  // namespace

DTypePolicy dtype_policy() {
  GlobalPolicy& global = global_policy();
  const std::lock_guard lock(global.mutex);
  return global.policy.is_set() ? global.policy : DTypePolicy(floatx());
}

void set_dtype_policy(const DTypePolicy& policy) {
  GlobalPolicy& global = global_policy();
  const std::lock_guard lock(global.mutex);
  global.policy = policy;
}

Config ConfigCodec<DTypePolicy>::to(const DTypePolicy& policy) {
  Config inner = Config::dict();
  inner["name"] = policy.name();
  Config config = Config::dict();
  config["module"] = "keras";
  config["class_name"] = "DTypePolicy";
  config["config"] = inner;
  config["registered_name"] = Config();
  return config;
}

DTypePolicy ConfigCodec<DTypePolicy>::from(const Config& config) {
  if (config.is_null()) return {};
  if (config.is_string()) return DTypePolicy(config.as_string());
  return DTypePolicy(config.at("config").at("name").as_string());
}

}  // namespace nyala
