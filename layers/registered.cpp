#include <nyala/layers/registered.hpp>

#include <map>
#include <mutex>

namespace nyala {
namespace {

struct Registered {
  std::mutex mutex;
  std::map<std::string, LayerFactory> factories;  // by package>Name and by class name
  std::map<std::string, std::string> names;       // class name -> package>Name
};

Registered& registered() {
  static Registered instance;
  return instance;
}

}  // namespace

namespace detail {

void register_layer_class(const std::string& package,
                          const std::string& class_name,
                          const LayerFactory& factory) {
  Registered& r = registered();
  const std::lock_guard lock(r.mutex);
  const std::string name = package + ">" + class_name;
  r.factories[name] = factory;
  r.factories.try_emplace(class_name, factory);
  r.names[class_name] = name;
}

const LayerFactory* find_registered_layer(const std::string& name) {
  Registered& r = registered();
  const std::lock_guard lock(r.mutex);
  const auto found = r.factories.find(name);
  return found == r.factories.end() ? nullptr : &found->second;
}

std::vector<std::string> registered_layer_classes() {
  Registered& r = registered();
  const std::lock_guard lock(r.mutex);
  std::vector<std::string> names;
  for (const auto& [name, factory] : r.factories) names.push_back(name);
  return names;
}

}  // namespace detail

std::string registered_layer_name(const std::string& class_name) {
  Registered& r = registered();
  const std::lock_guard lock(r.mutex);
  const auto found = r.names.find(class_name);
  return found == r.names.end() ? "" : found->second;
}

}  // namespace nyala
