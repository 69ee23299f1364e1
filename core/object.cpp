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

}  // namespace nyala
