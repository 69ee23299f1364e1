#include <nyala/models/plotting/picture.hpp>

#include <algorithm>
#include <unordered_map>

#include <nyala/models/summary.hpp>

namespace nyala::plotting {
namespace {

std::string shapes_text(const std::vector<Shape>& shapes) {
  if (shapes.size() == 1) return shapes[0].str();
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "[" : ", ") + shape.str();
  return text + "]";
}

std::vector<Shape> shapes_of(const std::vector<Symbol>& symbols) {
  std::vector<Shape> shapes;
  for (const Symbol& symbol : symbols) shapes.push_back(symbol.shape());
  return shapes;
}

std::string activation_of(const BaseLayer& layer) {
  const Config config = layer.get_config();
  const Config* activation = config.find("activation");
  if (activation == nullptr || activation->is_null()) return {};
  if (activation->is_string()) return activation->as_string();
  const Config* name = activation->find("class_name");
  return name != nullptr && name->is_string() ? name->as_string() : "";
}

// Gathers boxes and edges, model by model.
class Painter {
 public:
  explicit Painter(const PlotModelArgs& args) : args_(args) {}

  Picture paint(const ModelBase& model) {
    picture_.frame = frame_of(model);
    return std::move(picture_);
  }

 private:
  // Where calls of a layer begin and end: one box, or those of a model that is drawn open.
  struct Ends {
    std::vector<std::size_t> first;
    std::vector<std::size_t> last;
  };
  using EndsByLayer = std::unordered_map<const BaseLayer*, Ends>;

  Frame frame_of(const ModelBase& model) {
    Frame frame{model.name(), {}, {}};
    if (model.graph() == nullptr) throw StateError(model.label() + " has not yet been built");
    EndsByLayer& ends = ends_[&model];
    for (const auto& layer : shown_layers(model)) {
      const auto* inner = dynamic_cast<const ModelBase*>(layer.get());
      if (inner != nullptr && args_.expand_nested && inner->graph() != nullptr) {
        frame.frames.push_back(frame_of(*inner));
        ends[layer.get()] = open_ends(*inner);
        continue;
      }
      frame.boxes.push_back(picture_.boxes.size());
      ends[layer.get()] = {{picture_.boxes.size()}, {picture_.boxes.size()}};
      picture_.boxes.push_back(box_of(model, *layer));
    }
    for (const auto& node : model.graph()->nodes()) {
      for (const Symbol& input : node->inputs)
        connect(ends, input.node()->layer.get(), node->layer.get());
    }
    return frame;
  }

  // A Sequential is drawn without its Input, as its summary is.
  static std::vector<std::shared_ptr<BaseLayer>> shown_layers(const ModelBase& model) {
    if (dynamic_cast<const FunctionalModel*>(&model) != nullptr) return model.graph()->operations();
    return model.layers();
  }

  Ends open_ends(const ModelBase& model) {
    Ends ends;
    const EndsByLayer& inside = ends_.at(&model);
    const auto take = [&](const BaseLayer* layer, bool first) {
      const auto found = inside.find(layer);
      if (found == inside.end()) return;
      const auto& boxes = first ? found->second.first : found->second.last;
      auto& to = first ? ends.first : ends.last;
      to.insert(to.end(), boxes.begin(), boxes.end());
    };
    for (const Symbol& input : model.graph()->inputs().symbols())
      take(input.node()->layer.get(), true);
    for (const Symbol& output : model.graph()->outputs().symbols())
      take(output.node()->layer.get(), false);
    if (ends.first.empty() && !model.layers().empty()) take(model.layers().front().get(), true);
    return ends;
  }

  void connect(const EndsByLayer& ends, const BaseLayer* from, const BaseLayer* to) {
    const auto source = ends.find(from);
    const auto target = ends.find(to);
    if (source == ends.end() || target == ends.end()) return;  // the Input of a Sequential
    for (const std::size_t a : source->second.last) {
      for (const std::size_t b : target->second.first) {
        const std::pair edge{a, b};
        if (std::find(picture_.edges.begin(), picture_.edges.end(), edge) == picture_.edges.end())
          picture_.edges.push_back(edge);
      }
    }
  }

  Box box_of(const ModelBase& owner, BaseLayer& layer) const {
    Box box{layer.class_name(), "", {}};
    if (args_.show_layer_names) box = {layer.name(), layer.class_name(), {}};
    if (args_.show_layer_activations) {
      if (std::string name = activation_of(layer); !name.empty())
        box.rows.push_back({{"Activation: ", std::move(name)}});
    }
    std::vector<Cell> cells;
    const auto calls = owner.graph()->calls_of(layer);
    if (args_.show_shapes) {
      if (layer.class_name() != "InputLayer") {
        cells.push_back(
            {"Input shape: ", calls.empty() ? "?" : shapes_text(shapes_of(calls.back()->inputs))});
      }
      const auto shapes = output_shapes_of(owner, layer);
      cells.push_back({"Output shape: ", shapes ? shapes_text(*shapes) : "?"});
    }
    if (args_.show_dtype) {
      const bool known = !calls.empty() && !calls.back()->outputs.empty();
      cells.push_back(
          {"Output dtype: ", known ? std::string(name_of(calls.back()->outputs[0].dtype)) : "?"});
    }
    if (args_.show_trainable && !layer.weights().empty()) {
      cells.push_back({"",
                       layer.trainable() ? "Trainable" : "Non-trainable",
                       layer.trainable() ? Cell::Kind::trainable : Cell::Kind::frozen});
    }
    if (!cells.empty()) box.rows.push_back(std::move(cells));
    return box;
  }

  const PlotModelArgs& args_;
  Picture picture_;
  std::unordered_map<const ModelBase*, EndsByLayer> ends_;
};

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '&': safe += "&amp;"; break;
      case '"': safe += "&quot;"; break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) safe += c;
    }
  }
  return safe;
}

Picture picture_of(const Model& model, const PlotModelArgs& args) {
  return Painter(args).paint(model.base("plot_model"));
}

}  // namespace nyala::plotting
