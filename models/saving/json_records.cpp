#include <nyala/models/saving/json_records.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <nyala/core/error.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/operation.hpp>

namespace nyala::saving {
namespace {

constexpr int kArgumentDepth = 32;

bool has_class(const Config& value, const char* name) {
  const Config* found = value.find("class_name");
  return found != nullptr && found->is_string() && found->as_string() == name;
}

// A constant: nested lists of numbers with their dtype.
Argument read_constant(const Config& record, bool is_numpy) {
  const Config& config = dict_entry(record, "config");
  const Config* value = config.find("value");
  const Config* dtype = config.find("dtype");
  if (value == nullptr || dtype == nullptr || !dtype->is_string())
    throw FormatError("a constant tensor has no value or dtype");
  return Argument::tensor(
      ops::cast(tensor_from_config(*value), dtype_from_name(dtype->as_string())), is_numpy);
}

// Arguments with symbols for tensors, which are collected.
class ArgumentReader {
 public:
  /// Symbols are counted from `first` on. In tf.keras 2.x a triple is a tensor.
  explicit ArgumentReader(std::vector<Reference>& tensors,
                          std::size_t first = 0,
                          bool reads_triples = false)
      : tensors_(tensors), first_(first), reads_triples_(reads_triples) {}

  Argument read(const Config& value, int depth = 0) {
    if (depth > kArgumentDepth) throw LimitError("arguments nest too deep");
    if (reads_triples_ && is_triple(value)) return add(read_triple(value));
    if (value.is_list()) {
      Argument::List list;
      for (const Config& item : value.as_list()) list.push_back(read(item, depth + 1));
      return Argument(std::move(list));
    }
    if (!value.is_dict()) return Argument(value);
    if (has_class(value, "__keras_tensor__")) {
      const Config* history = dict_entry(value, "config").find("keras_history");
      if (history == nullptr || !is_triple(*history))
        throw FormatError("a tensor has no keras_history");
      return add(read_triple(*history));
    }
    if (has_class(value, "__tensor__")) return read_constant(value, false);
    if (has_class(value, "__numpy__")) return read_constant(value, true);
    if (has_class(value, "__slice__") || has_class(value, "__ellipsis__")) return Argument(value);
    throw UnsupportedError("the argument " + value.str().substr(0, 120) + " is not supported");
  }

  Argument add(Reference reference) {
    tensors_.push_back(std::move(reference));
    return Argument::symbol(first_ + tensors_.size() - 1);
  }

 private:
  std::vector<Reference>& tensors_;
  std::size_t first_;
  bool reads_triples_;
};

bool holds_tensor(const Config& value) {
  if (value.is_list()) {
    return std::any_of(value.as_list().begin(), value.as_list().end(), holds_tensor);
  }
  return has_class(value, "__keras_tensor__");
}

CallRecord read_new_call(const Config& node) {
  CallRecord call;
  ArgumentReader reader(call.tensors);
  call.arguments.positional = reader.read(list_entry(node, "args")).items();
  const Config& named = dict_entry(node, "kwargs");
  for (const auto& [key, value] : named.as_dict()) {
    if (key == "mask" && holds_tensor(value)) continue;
    call.arguments.named.emplace_back(key, reader.read(value));
  }
  if (const Config* mask = named.find("mask"); mask != nullptr && holds_tensor(*mask))
    call.mask = ArgumentReader(call.mask_tensors, call.tensors.size()).read(*mask);
  return call;
}

// [[layer, call, output, kwargs], ...]; one alone may stand without the outer list.
CallRecord read_old_call(const Config& node) {
  CallRecord call;
  ArgumentReader reader(call.tensors);
  ArgumentReader named_reader(call.tensors, 0, true);
  const Config* mask = nullptr;
  Argument::List tensors;
  const Config::List& items = node.as_list();
  const bool bare = !items.empty() && items[0].is_string();
  const Config::List one = {node};
  for (const Config& item : bare ? one : items) {
    if (!item.is_list() || item.size() < 3 || item.size() > 4)
      throw FormatError("a call is no list of [layer, call, output, arguments]");
    const Config::List& parts = item.as_list();
    if (parts[0] == Config("_CONSTANT_VALUE")) {
      tensors.push_back(reader.read(parts[2]));
    } else {
      tensors.push_back(
          reader.add(read_triple(Config(Config::List(parts.begin(), parts.begin() + 3)))));
    }
    if (parts.size() < 4) continue;
    if (!parts[3].is_dict()) throw FormatError("the arguments of a call are no dict");
    for (const auto& [key, value] : parts[3].as_dict()) {
      if (key == "mask") mask = &value;
      if (key == "name" || key == "mask") continue;
      call.arguments.named.emplace_back(
          key, key == "slice_spec" ? Argument(value) : named_reader.read(value));
    }
  }
  if (mask != nullptr && is_triple(*mask)) {
    call.mask = ArgumentReader(call.mask_tensors, call.tensors.size(), true).read(*mask);
    call.mask_given = true;
  }
  if (tensors.size() == 1)
    call.arguments.positional = std::move(tensors);
  else
    call.arguments.positional.emplace_back(std::move(tensors));
  return call;
}

const Config& config_of(const Config& record) { return dict_entry(record, "config"); }

std::string name_of_record(const Config& record) {
  const Config* name = record.find("name");
  if (name == nullptr || !name->is_string()) name = config_of(record).find("name");
  if (name == nullptr || !name->is_string())
    throw FormatError("a layer of class " + class_name_of(record).substr(0, 200) + " has no name");
  return name->as_string();
}

void collect_references(const Config& tree, std::vector<std::string>& names) {
  if (is_triple(tree)) {
    names.push_back(tree.as_list()[0].as_string());
  } else if (tree.is_list()) {
    for (const Config& item : tree.as_list()) collect_references(item, names);
  } else if (tree.is_dict()) {
    for (const auto& [key, item] : tree.as_dict()) collect_references(item, names);
  }
}

bool is_layer_record(const Config& value) {
  const Config* name = value.find("class_name");
  const Config* config = value.find("config");
  return name != nullptr && name->is_string() && config != nullptr && config->is_dict();
}

std::string place_of(const Config& record, const std::string& path) {
  const Config* name = record.find("name");
  if (name == nullptr || !name->is_string()) name = config_of(record).find("name");
  return path + (path.empty() ? "" : "/") +
         (name != nullptr && name->is_string() ? name->as_string() : class_name_of(record));
}

void collect_unknown(const Config& record, const std::string& path, std::vector<Unknown>& unknown) {
  const std::string place = place_of(record, path);
  if (is_functional_record(record)) {
    for (const Config* layer : needed_layers(config_of(record)))
      collect_unknown(*layer, place, unknown);
    return;
  }
  if (is_sequential_record(record)) {
    for (const Config& layer : list_entry(config_of(record), "layers").as_list())
      collect_unknown(layer, place, unknown);
    return;
  }
  // Layers inside a wrapper.
  for (const char* key : {"layer", "backward_layer"}) {
    const Config* inside = config_of(record).find(key);
    if (inside != nullptr && is_layer_record(*inside)) collect_unknown(*inside, place, unknown);
  }
  if (is_known_layer(record)) return;
  const std::string& name = class_name_of(record);
  const auto found = std::find_if(unknown.begin(), unknown.end(), [&](const Unknown& other) {
    return other.class_name == name;
  });
  if (found == unknown.end())
    unknown.push_back({name, {place}});
  else
    found->places.push_back(place);
}

}  // namespace

bool is_triple(const Config& value) {
  if (!value.is_list() || value.size() != 3) return false;
  const Config::List& items = value.as_list();
  return items[0].is_string() && items[1].is_int() && items[2].is_int();
}

Reference read_triple(const Config& value) {
  if (!is_triple(value))
    throw FormatError("received " + value.str().substr(0, 120) +
                      ", expected [layer, call, output]");
  const Config::List& items = value.as_list();
  return {items[0].as_string(), items[1].as_int(), items[2].as_int()};
}

CallRecord read_call(const Config& node) {
  if (node.is_dict()) return read_new_call(node);
  if (node.is_list()) return read_old_call(node);
  throw FormatError("a call is neither a dict nor a list");
}

bool is_functional_record(const Config& record) {
  const std::string& name = class_name_of(record);
  if (name != "Functional" && name != "Model") return false;
  const Config* config = record.find("config");
  return config != nullptr && config->contains("layers");
}

bool is_sequential_record(const Config& record) { return class_name_of(record) == "Sequential"; }

bool is_operation_record(const Config& record) {
  const Config* module = record.find("module");
  if (module != nullptr && module->is_string()) {
    const std::string& name = module->as_string();
    return name.rfind("keras.src.ops", 0) == 0 || name.rfind("keras.ops", 0) == 0;
  }
  // Files without modules: every layer says whether it is trainable, no op does.
  const Config* config = record.find("config");
  return module == nullptr && config != nullptr && !config->contains("trainable") &&
         class_name_of(record) != "InputLayer" && is_operation_class(class_name_of(record));
}

bool is_known_layer(const Config& record) {
  const std::string& name = class_name_of(record);
  if (is_operation_record(record)) return is_operation_class(name);
  if (name == "TFOpLambda" || name == "SlicingOpLambda") return true;
  if (find_layer_class(name) != nullptr) return true;
  const Config* registered = record.find("registered_name");
  return registered != nullptr && registered->is_string() &&
         find_layer_class(registered->as_string()) != nullptr;
}

std::string text_entry(const Config& record, const char* key) {
  const Config* value = record.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : "";
}

std::vector<const Config*> needed_layers(const Config& functional_config) {
  const Config::List& layers = list_entry(functional_config, "layers").as_list();
  std::unordered_map<std::string, const Config*> by_name;
  for (const Config& layer : layers) {
    const std::string name = name_of_record(layer);
    if (!by_name.emplace(name, &layer).second) {
      throw ValueError("The name \"" + name.substr(0, 200) +
                       "\" is used more than once in the model. All operation names should be "
                       "unique.");
    }
  }
  std::unordered_set<std::string> needed;
  std::vector<std::string> open;
  for (const char* key : {"input_layers", "output_layers"}) {
    const Config* tree = functional_config.find(key);
    if (tree == nullptr) throw FormatError(std::string("a model has no \"") + key + "\"");
    collect_references(*tree, open);
  }
  for (const Config& layer : layers) {
    if (!is_operation_record(layer)) open.push_back(name_of_record(layer));
  }
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (!needed.insert(name).second) continue;
    const auto found = by_name.find(name);
    if (found == by_name.end()) throw ValueError("Unknown layer: " + name.substr(0, 200));
    for (const Config& node : list_entry(*found->second, "inbound_nodes").as_list()) {
      for (const Reference& reference : read_call(node).tensors) open.push_back(reference.layer);
    }
  }
  std::vector<const Config*> result;
  for (const Config& layer : layers) {
    if (needed.count(name_of_record(layer)) != 0) result.push_back(&layer);
  }
  return result;
}

std::vector<Unknown> unknown_classes(const Config& record) {
  std::vector<Unknown> unknown;
  collect_unknown(record, "", unknown);
  return unknown;
}

}  // namespace nyala::saving
