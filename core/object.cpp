#include <nyala/core/object.hpp>

namespace nyala {

Config serialize_object(const Object* object) {
  if (object == nullptr) return {};
  const std::string registered = object->registered_name();
  Config config = Config::dict();
  config["module"] = registered.empty() ? Config(object->module()) : Config();
  config["class_name"] = object->class_name();
  config["config"] = object->get_config();
  config["registered_name"] = registered.empty() ? Config() : Config(registered);
  return config;
}

namespace detail {

void throw_empty_handle(const std::string& kind, const char* call) {
  if (call == nullptr) throw StateError("an empty " + kind + " was used, expected an object");
  throw StateError(std::string(call) + "() was called on an empty " + kind);
}

}  // namespace detail
}  // namespace nyala
