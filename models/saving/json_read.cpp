#include <algorithm>
#include <unordered_map>

#include <nyala/core/memory.hpp>
#include <nyala/layers/core.hpp>
#include <nyala/layers/operation.hpp>
#include <nyala/models/model_base.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_old.hpp>
#include <nyala/models/saving/json_records.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/legacy_config.hpp>

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

using detail::read_layer;

// Builds the graph of a Functional: each call as soon as those that it reads are there.
class GraphReader {
 public:
  GraphReader(const Config& config, const std::string& path) : config_(config), path_(path) {}

  std::shared_ptr<ModelBase> read() {
    for (const Config& record : list_entry(config_, "layers").as_list()) add_entry(record);
    for (const Config* record : needed_layers(config_)) wake(by_name_.at(name_of(*record)));
    while (!ready_.empty()) {
      const std::size_t i = ready_.back();
      ready_.pop_back();
      advance(i);
    }
    for (const Entry& entry : entries_) {
      if (!entry.awake || entry.done == entry.calls.size()) continue;
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
    bool awake = false;  // whether something needs it: the ops that make masks wait for that
    LayerPtr layer;      // none for an op: each call makes one
    std::vector<CallRecord> calls;
    std::size_t done = 0;
    std::int64_t first = 0;                    // the number of its first call
    std::vector<std::vector<Symbol>> results;  // of each call
    std::vector<std::size_t> waiting;          // entries that need its next call
  };

  static std::string name_of(const Config& record) {
    const std::string name = text_of(record, "name");
    return name.empty() ? text_of(dict_entry(record, "config"), "name") : name;
  }

  void add_entry(const Config& record) {
    Entry entry;
    entry.name = name_of(record);
    entry.record = &record;
    by_name_[entry.name] = entries_.size();
    entries_.push_back(std::move(entry));
  }

  void wake(std::size_t i) {
    if (entries_[i].awake) return;
    Entry& entry = entries_[i];
    entry.awake = true;
    const Config& record = *entry.record;
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
    ready_.push_back(i);
  }

  // Makes the calls of an entry, as far as what they read is there.
  void advance(std::size_t i) {
    while (entries_[i].done < entries_[i].calls.size()) {
      const CallRecord& call = entries_[i].calls[entries_[i].done];
      if (!has(call.tensors, i)) return;
      const bool masked = needs_mask(call);
      if (masked && !has(call.mask_tensors, i)) return;
      const std::string path = path_ + "/" + entries_[i].name;
      std::vector<Symbol> outputs =
          at_layer(path, [&] { return make_call(entries_[i], call, masked); });
      Entry& entry = entries_[i];
      entry.results.push_back(std::move(outputs));
      ++entry.done;
      ready_.insert(ready_.end(), entry.waiting.begin(), entry.waiting.end());
      entry.waiting.clear();
    }
  }

  // Whether these outputs are there; if not, entry `waiting` is told when they are.
  bool has(const std::vector<Reference>& references, std::size_t waiting) {
    for (const Reference& reference : references) {
      Entry& source = entry_of(reference.layer);
      if (find(source, reference.call - source.first) != nullptr) continue;
      source.waiting.push_back(waiting);
      wake(by_name_.at(reference.layer));
      return false;
    }
    return true;
  }

  // A mask that the tensors carry comes by itself; one from a layer was given by hand.
  bool needs_mask(const CallRecord& call) {
    if (call.mask.is_null() || call.mask_given) return call.mask_given;
    const auto is_layer = [&](const Reference& reference) {
      return !is_operation_record(*entry_of(reference.layer).record);
    };
    if (std::any_of(call.mask_tensors.begin(), call.mask_tensors.end(), is_layer)) return true;
    const std::vector<Symbol> symbols = symbols_of(call.tensors);
    return std::none_of(
        symbols.begin(), symbols.end(), [](const Symbol& s) { return s.has_mask(); });
  }

  std::vector<Symbol> symbols_of(const std::vector<Reference>& references) {
    std::vector<Symbol> symbols;
    for (const Reference& reference : references) {
      const Entry& source = entry_of(reference.layer);
      symbols.push_back(output_of(source, reference.call - source.first, reference.output));
    }
    return symbols;
  }

  std::vector<Symbol> make_call(const Entry& entry, const CallRecord& call, bool masked) {
    std::vector<Symbol> symbols = symbols_of(call.tensors);
    if (entry.layer == nullptr) return make_operation(entry, call, symbols);
    if (symbols.empty()) throw FormatError("a call has no tensors");
    Arguments arguments = call.arguments;
    name_states(*entry.layer, arguments);
    if (entry.layer->traits().takes_list) list_input(arguments);
    if (masked) {
      const std::vector<Symbol> masks = symbols_of(call.mask_tensors);
      symbols.insert(symbols.end(), masks.begin(), masks.end());
      arguments.named.emplace_back("mask", call.mask);
    }
    return entry.layer->apply(std::move(arguments), std::move(symbols));
  }

  // tf.keras 2.x lists the states that a recurrent layer begins with behind its input.
  static void name_states(const BaseLayer& layer, Arguments& arguments) {
    Argument::List& given = arguments.positional;
    if (given.size() != 1 || !given[0].is_list() ||
        !layer.call_signature().has_named("initial_state") || arguments.find("initial_state"))
      return;
    Argument::List items = given[0].items();
    if (items.size() < 2) return;
    given = {items[0]};
    arguments.named.emplace_back("initial_state", Argument::List(items.begin() + 1, items.end()));
  }

  // tf.keras 2.x lists a call's tensors, and one alone as it lists that of a layer without a list.
  static void list_input(Arguments& arguments) {
    Argument::List& given = arguments.positional;
    if (given.size() == 1 && !given[0].is_list()) given = {Argument(Argument::List{given[0]})};
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

// "unknown layer classes: LSTM (m/a, m/b), Lambda (m/c) (register ...)"
std::string text_of(const std::vector<Unknown>& unknown) {
  constexpr std::size_t kShown = 20;
  std::string list;
  bool is_lambda = false;
  for (const Unknown& item : unknown) {
    list += (list.empty() ? "" : ", ") + cut(item.class_name) + " (";
    for (std::size_t i = 0; i < item.places.size() && i < kShown; ++i)
      list += (i == 0 ? "" : ", ") + cut(item.places[i]);
    list += item.places.size() > kShown ? ", ...)" : ")";
    is_lambda = is_lambda || item.class_name == "Lambda";
  }
  return "unknown layer classes: " + list +
         (is_lambda ? "; a Lambda is a program in Python, which is never run: write it as a layer "
                      "in C++ and register it under that name with register_layer"
                    : "; register those of your own with register_layer");
}

LayerPtr read_checked(const Config& record) {
  if (!record.is_dict()) throw FormatError("JSON: no dict, but " + record.str().substr(0, 80));
  if (const std::vector<Unknown> unknown = unknown_classes(record); !unknown.empty())
    throw ValueError(text_of(unknown));
  const Config* config = record.find("config");
  const std::string name = config == nullptr ? "" : text_of(*config, "name");
  const std::string path = name.empty() ? class_name_of(record) : name;
  return at_layer(path, [&] { return read_layer(record, path); });
}

}  // namespace

LayerPtr detail::read_model(const Config& record, const std::string& path) {
  const bool functional = is_functional_record(record);
  if (!functional && !is_sequential_record(record)) return nullptr;
  const Config& config = dict_entry(record, "config");
  std::shared_ptr<ModelBase> model =
      functional ? GraphReader(config, path).read() : read_sequential(config, path);
  if (const Config* compile = record.find("compile_config");
      compile != nullptr && compile->is_dict() && compile->size() > 0)
    model->trainer().compile_from_config(*compile);
  return model;
}

Model saving::model_from_record(Config record, const std::string& version) {
  const std::string name = saving::class_name_of(record);
  if (!version.empty()) record["keras_version"] = version;
  saving::keep_old_activations(record);
  const Config modern = saving::modern_record(record);
  if (!is_functional_record(modern) && !is_sequential_record(modern))
    throw FormatError("JSON: the class " + name.substr(0, 200) + " is no model");
  return Model::from(read_checked(modern));
}

Model model_from_json(const std::string& json, const saving::Limits& limits) {
  Config record = saving::parse_json(json, limits);
  const detail::MemoryBudget budget(limits.memory);
  return saving::model_from_record(std::move(record));
}

}  // namespace nyala
