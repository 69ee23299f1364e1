#include <algorithm>
#include <unordered_map>

#include <nyala/core/memory.hpp>
#include <nyala/layers/core.hpp>
#include <nyala/layers/operation.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_old.hpp>
#include <nyala/models/saving/json_records.hpp>
#include <nyala/models/saving/json_text.hpp>

namespace nyala {
namespace {

using namespace saving;
using LayerPtr = std::shared_ptr<BaseLayer>;

// Runs `f`; what it throws then says which layer it is about.
template <class F>
auto at_layer(const std::string& path, F&& f) {
  const auto text = [&](const Error& error) {
    const std::string what = error.what();
    const std::string where = cut(path);
    // Already said by a layer further inside.
    return what.rfind(where, 0) == 0 ? what : where + ": " + what;
  };
  try {
    return f();
  } catch (const FormatError& error) {
    throw FormatError(text(error));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(text(error));
  } catch (const LimitError& error) {
    throw LimitError(text(error));
  } catch (const ShapeError& error) {
    throw ShapeError(text(error));
  } catch (const Error& error) {
    throw ValueError(text(error));
  }
}

std::string text_of(const Config& config, const char* key) {
  const Config* value = config.find(key);
  return value == nullptr || value->is_null() ? std::string() : value->as_string();
}

ModelArgs model_args(const Config& config) {
  ModelArgs args;
  args.name = text_of(config, "name");
  if (const Config* trainable = config.find("trainable");
      trainable != nullptr && !trainable->is_null())
    args.trainable = trainable->as_bool();
  if (const Config* dtype = config.find("dtype"); dtype != nullptr && !dtype->is_null())
    args.dtype = ConfigCodec<DTypePolicy>::from(*dtype);
  return args;
}

LayerPtr read_layer(const Config& record, const std::string& path);

// Builds the graph of a Functional: each call as soon as those that it reads are there.
class GraphReader {
 public:
  GraphReader(const Config& config, const std::string& path) : config_(config), path_(path) {}

  std::shared_ptr<ModelBase> read() {
    for (const Config* record : needed_layers(config_)) add_entry(*record);
    for (std::size_t i = 0; i < entries_.size(); ++i) ready_.push_back(i);
    while (!ready_.empty()) {
      const std::size_t i = ready_.back();
      ready_.pop_back();
      advance(i);
    }
    for (const Entry& entry : entries_) {
      if (entry.done == entry.calls.size()) continue;
      throw ValueError(
          "Invalid Functional model configuration. The graph of the Functional model either has "
          "loops or disconnected nodes; the first is a call of \"" +
          entry.name.substr(0, 200) + "\"");
    }
    const SymbolTree inputs = read_tree(config_.at("input_layers"));
    const SymbolTree outputs = read_tree(config_.at("output_layers"));
    return std::make_shared<FunctionalModel>(inputs, outputs, model_args(config_));
  }

 private:
  struct Entry {
    std::string name;
    const Config* record;
    LayerPtr layer;  // none for an op: each call makes one
    std::vector<CallRecord> calls;
    std::size_t done = 0;
    std::int64_t first = 0;                    // the number of its first call
    std::vector<std::vector<Symbol>> results;  // of each call
    std::vector<std::size_t> waiting;          // entries that need its next call
  };

  void add_entry(const Config& record) {
    Entry entry;
    entry.name = text_of(record, "name");
    if (entry.name.empty()) entry.name = text_of(dict_entry(record, "config"), "name");
    entry.record = &record;
    const std::string path = path_ + "/" + entry.name;
    at_layer(path, [&] {
      bool old = false;
      for (const Config& node : list_entry(record, "inbound_nodes").as_list()) {
        old = old || node.is_list();
        entry.calls.push_back(read_call(node));
      }
      if (!is_operation_record(record) && !is_old_operation(record)) {
        entry.layer = read_layer(record, path);
        if (entry.layer->class_name() == "InputLayer") {
          entry.calls.clear();
          entry.results.push_back({input_symbol(entry.layer)});
        }
        // tf.keras 2.x counts the construction of a model as its first call.
        const auto* model = dynamic_cast<const ModelBase*>(entry.layer.get());
        if (old && model != nullptr && model->graph() != nullptr) entry.first = 1;
      }
    });
    by_name_[entry.name] = entries_.size();
    entries_.push_back(std::move(entry));
  }

  // Makes the calls of an entry, as far as what they read is there.
  void advance(std::size_t i) {
    while (entries_[i].done < entries_[i].calls.size()) {
      const CallRecord& call = entries_[i].calls[entries_[i].done];
      for (const Reference& reference : call.tensors) {
        Entry& source = entry_of(reference.layer);
        if (find(source, reference.call - source.first) != nullptr) continue;
        source.waiting.push_back(i);
        return;
      }
      const std::string path = path_ + "/" + entries_[i].name;
      std::vector<Symbol> outputs = at_layer(path, [&] { return make_call(entries_[i], call); });
      Entry& entry = entries_[i];
      entry.results.push_back(std::move(outputs));
      ++entry.done;
      ready_.insert(ready_.end(), entry.waiting.begin(), entry.waiting.end());
      entry.waiting.clear();
    }
  }

  std::vector<Symbol> make_call(const Entry& entry, const CallRecord& call) {
    std::vector<Symbol> symbols;
    for (const Reference& reference : call.tensors) {
      const Entry& source = entry_of(reference.layer);
      symbols.push_back(output_of(source, reference.call - source.first, reference.output));
    }
    if (entry.layer == nullptr) return make_operation(entry, call, symbols);
    CallArgs args;
    for (const auto& [key, value] : call.arguments.named) {
      if (key == "training") {
        if (value.is_plain() && value.plain().is_bool()) args.training = value.plain().as_bool();
      } else if (!value.is_null()) {
        throw UnsupportedError("the argument \"" + key.substr(0, 200) + "\" is not supported");
      }
    }
    if (symbols.empty()) throw FormatError("a call has no tensors");
    const Argument::List& given = call.arguments.positional;
    if (given.empty()) throw FormatError("a call has no tensors");
    const CallForm form = given.size() > 1     ? CallForm::positional
                          : given[0].is_list() ? CallForm::list
                                               : CallForm::single;
    if (call.explicit_mask &&
        std::none_of(symbols.begin(), symbols.end(), [](const Symbol& s) { return s.has_mask(); }))
      throw UnsupportedError("a mask that the graph computes is not supported");
    return entry.layer->apply(symbols, form, args);
  }

  std::vector<Symbol> make_operation(const Entry& entry,
                                     const CallRecord& call,
                                     const std::vector<Symbol>& symbols) {
    const std::string name = operation_name(entry);
    if (is_old_operation(*entry.record))
      return call_old_operation(*entry.record, call, symbols, name);
    Config options = dict_entry(*entry.record, "config");
    options.erase("name");
    return call_operation(class_name_of(*entry.record), symbols, call.arguments, options, name);
  }

  // An operation is one call here: those behind the first of a record get names of their own.
  std::string operation_name(const Entry& entry) {
    if (entry.done == 0) return entry.name;
    std::string name;
    for (std::size_t i = entry.done; name.empty() || by_name_.count(name) != 0; ++i)
      name = entry.name + "_call_" + std::to_string(i);
    by_name_[name] = by_name_.at(entry.name);
    return name;
  }

  Entry& entry_of(const std::string& name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) throw ValueError("Unknown layer: " + name.substr(0, 200));
    return entries_[found->second];
  }

  static const std::vector<Symbol>* find(const Entry& entry, std::int64_t call) {
    if (call < 0 || call >= static_cast<std::int64_t>(entry.results.size())) return nullptr;
    return &entry.results[static_cast<std::size_t>(call)];
  }

  static Symbol output_of(const Entry& entry, std::int64_t call, std::int64_t output) {
    const std::vector<Symbol>* results = find(entry, call);
    if (results == nullptr) {
      throw ValueError("layer \"" + entry.name.substr(0, 200) + "\" has no call " +
                       std::to_string(call));
    }
    if (output < 0 || output >= static_cast<std::int64_t>(results->size())) {
      throw ValueError("a call of \"" + entry.name.substr(0, 200) + "\" has no output " +
                       std::to_string(output));
    }
    return (*results)[static_cast<std::size_t>(output)];
  }

  Symbol read_end(const Config& value) {
    const Reference reference = read_triple(value);
    const Entry& entry = entry_of(reference.layer);
    std::int64_t first = entry.first;
    // Keras 3 counts as 2.x does at a model's ends, for Functional models.
    if (entry.layer != nullptr && entry.layer->class_name() == "Functional") first = 1;
    return output_of(entry, reference.call - first, reference.output);
  }

  SymbolTree read_tree(const Config& tree) {
    if (is_triple(tree)) return read_end(tree);
    if (tree.is_dict()) {
      std::vector<SymbolTree::Named> named;
      for (const auto& [key, value] : tree.as_dict()) named.emplace_back(key, read_end(value));
      return named;
    }
    if (!tree.is_list()) throw FormatError("a model's inputs or outputs are no list");
    std::vector<Symbol> symbols;
    for (const Config& item : tree.as_list()) symbols.push_back(read_end(item));
    return symbols;
  }

  const Config& config_;
  const std::string& path_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::vector<std::size_t> ready_;
};

std::shared_ptr<ModelBase> read_sequential(const Config& config, const std::string& path) {
  const auto model = std::make_shared<SequentialModel>(model_args(config));
  std::vector<LayerPtr> layers;
  for (const Config& record : list_entry(config, "layers").as_list()) {
    const std::string layer_path = path + "/" + text_of(dict_entry(record, "config"), "name");
    const LayerPtr layer = at_layer(layer_path, [&] { return read_layer(record, layer_path); });
    // Files of tf.keras 2.x may give the input's shape with the first layer.
    if (const Config* shape = dict_entry(record, "config").find("batch_input_shape");
        shape != nullptr && layers.empty() && layer->class_name() != "InputLayer") {
      layers.push_back(
          Input({.dtype = layer->compute_dtype(), .batch_shape = ConfigCodec<Shape>::from(*shape)})
              .node()
              ->layer);
    }
    layers.push_back(layer);
  }
  if (!layers.empty()) model->add(layers);
  const Config* shape = config.find("build_input_shape");
  if (shape != nullptr && shape->is_list() && !model->built() && !model->layers().empty()) {
    const Shape build_shape = ConfigCodec<Shape>::from(*shape);
    model->build_for(Inputs<Shape>(&build_shape, 1));
  }
  return model;
}

LayerPtr read_plain(const Config& record) {
  const std::string& name = class_name_of(record);
  const LayerFactory* factory = nullptr;
  if (const Config* registered = record.find("registered_name");
      registered != nullptr && registered->is_string())
    factory = find_layer_class(registered->as_string());
  if (factory == nullptr) factory = find_layer_class(name);
  if (factory == nullptr) throw ValueError("unknown layer class: " + name.substr(0, 200));
  return (*factory)(modern_config(name, dict_entry(record, "config")));
}

LayerPtr read_layer(const Config& record, const std::string& path) {
  const bool functional = is_functional_record(record);
  if (!functional && !is_sequential_record(record)) return read_plain(record);
  const Config& config = dict_entry(record, "config");
  std::shared_ptr<ModelBase> model =
      functional ? GraphReader(config, path).read() : read_sequential(config, path);
  if (const Config* compile = record.find("compile_config");
      compile != nullptr && compile->is_dict() && compile->size() > 0)
    model->trainer().compile_from_config(*compile);
  return model;
}

LayerPtr read_checked(const Config& record) {
  if (!record.is_dict()) throw FormatError("JSON: no dict, but " + record.str().substr(0, 80));
  std::string list;
  for (const std::string& name : unknown_classes(record)) list += (list.empty() ? "" : ", ") + name;
  if (!list.empty()) {
    throw ValueError("unknown layer classes: " + list +
                     " (register those of your own with register_layer)");
  }
  const Config* config = record.find("config");
  const std::string name = config == nullptr ? "" : text_of(*config, "name");
  const std::string path = name.empty() ? class_name_of(record) : name;
  return at_layer(path, [&] { return read_layer(record, path); });
}

}  // namespace

namespace saving {

Layer deserialize_layer(const Config& config) { return read_checked(config); }

}  // namespace saving

Model model_from_json(const std::string& json, const saving::Limits& limits) {
  const Config record = saving::parse_json(json, limits);
  const detail::MemoryBudget budget(limits.memory);
  const std::string& name = saving::class_name_of(record);
  if (!is_functional_record(record) && !is_sequential_record(record))
    throw FormatError("JSON: the class " + name.substr(0, 200) + " is no model");
  return Model::from(read_checked(record));
}

}  // namespace nyala
