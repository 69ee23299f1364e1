#include <map>
#include <mutex>

#include <nyala/layers/layers.hpp>

namespace nyala {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, LayerFactory> factories = {
#define LAYER(Name) {#Name, layer_from_config<layers::Name##Args>},
#include <nyala/layers/layers.def>
#undef LAYER
  };
  std::map<std::string, std::string> registered_names;  // class name -> package>Name
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

namespace detail {

void register_layer_class(const std::string& package,
                          const std::string& class_name,
                          const LayerFactory& factory) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const std::string registered = package + ">" + class_name;
  r.factories[registered] = factory;
  r.factories.try_emplace(class_name, factory);
  r.registered_names[class_name] = registered;
}

}  // namespace detail

const LayerFactory* find_layer_class(const std::string& name) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto found = r.factories.find(name);
  return found == r.factories.end() ? nullptr : &found->second;
}

std::string registered_layer_name(const std::string& class_name) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto found = r.registered_names.find(class_name);
  return found == r.registered_names.end() ? "" : found->second;
}

std::vector<std::string> layer_class_names() {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  std::vector<std::string> names;
  for (const auto& [name, factory] : r.factories) names.push_back(name);
  return names;
}

}  // namespace nyala
