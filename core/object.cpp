#include <nyala/core/object.hpp>

#include <iterator>
#include <list>
#include <mutex>

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

struct AnyRegistry::Entries {
  std::list<Entry> list;  // not a vector: `find` gives pointers away
  mutable std::mutex mutex;
};

AnyRegistry::AnyRegistry(std::string kind, std::vector<Entry> entries)
    : kind_(std::move(kind)), entries_(std::make_unique<Entries>()) {
  entries_->list.assign(std::move_iterator(entries.begin()), std::move_iterator(entries.end()));
}
AnyRegistry::~AnyRegistry() = default;

void AnyRegistry::add(Entry entry) {
  if (entry.names.empty() || !entry.make)
    throw ValueError("the registry of each " + kind_ + " was given an entry without a " +
                     (entry.make ? "name" : "function"));
  const std::lock_guard lock(entries_->mutex);
  entries_->list.push_front(std::move(entry));
}

const AnyRegistry::Make* AnyRegistry::find(std::string_view name) const {
  const std::lock_guard lock(entries_->mutex);
  for (const Entry& entry : entries_->list) {
    for (const std::string& known : entry.names) {
      if (known == name) return &entry.make;
    }
  }
  return nullptr;
}

std::vector<std::string> AnyRegistry::names() const {
  std::vector<std::string> all;
  const std::lock_guard lock(entries_->mutex);
  for (const Entry& entry : entries_->list)
    all.insert(all.end(), entry.names.begin(), entry.names.end());
  return all;
}

std::shared_ptr<Object> AnyRegistry::any_from_name(std::string_view name) const {
  return make(name, Config::dict());
}

std::shared_ptr<Object> AnyRegistry::any_from_config(const Config& config) const {
  const auto options = [](const Config& object) {
    const Config* given = object.find("config");
    return given == nullptr || given->is_null() ? Config::dict() : *given;
  };
  if (config.is_null()) return nullptr;
  if (config.is_string()) return any_from_name(config.as_string());
  if (const Config* registered = config.find("registered_name");
      registered != nullptr && registered->is_string()) {
    if (find(registered->as_string()) != nullptr)
      return make(registered->as_string(), options(config));
  }
  return make(config.at("class_name").as_string(), options(config));
}

std::shared_ptr<Object> AnyRegistry::make(std::string_view name, const Config& config) const {
  if (const Make* factory = find(name)) return (*factory)(config);
  // Keras 2 prefixes some names, as in "Custom>Adam".
  if (const auto prefix = name.rfind('>'); prefix != std::string_view::npos) {
    if (const Make* factory = find(name.substr(prefix + 1))) return (*factory)(config);
  }
  throw_unknown_name(kind_, std::string(name), names());
}

void throw_empty_handle(const std::string& kind, const char* call) {
  if (call == nullptr) throw StateError("an empty " + kind + " was used, expected an object");
  throw StateError(std::string(call) + "() was called on an empty " + kind);
}

}  // namespace detail
}  // namespace nyala
