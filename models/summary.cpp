#include <nyala/models/summary.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <regex>

#include <nyala/models/model_base.hpp>
#include <nyala/models/table.hpp>

namespace nyala {
namespace {

using detail::Align;
using detail::StyledText;
using Style = StyledText::Style;
using LayerPtr = std::shared_ptr<BaseLayer>;

int terminal_columns() {
  if (const char* columns = std::getenv("COLUMNS")) {
    const int value = std::atoi(columns);
    if (value > 0) return value;
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool wants_colour(const std::ostream& out) {
  if (const char* off = std::getenv("NO_COLOR"); off != nullptr && *off != '\0') return false;
  if (&out == &std::cout) return isatty(STDOUT_FILENO) != 0;
  if (&out == &std::cerr) return isatty(STDERR_FILENO) != 0;
  return false;
}

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string readable(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit < 5) {
    size /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, "%.2f %s", size, kUnits[unit]);
  return text;
}

StyledText shape_text(const Shape& shape) {
  StyledText text("(");
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text.append(", ");
    if (shape[axis] == None)
      text.append("None", Style::none);
    else
      text.append(std::to_string(shape[axis]), Style::number);
  }
  text.append(")");
  return text;
}

StyledText shapes_text(const std::vector<Shape>& shapes) {
  if (shapes.size() == 1) return shape_text(shapes[0]);
  StyledText text("[");
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (i > 0) text.append(", ");
    text.append(shape_text(shapes[i]));
  }
  text.append("]");
  return text;
}

// Whether the calls form a chain without layers used twice.
bool is_chain(const ModelBase& model) {
  const auto* functional = dynamic_cast<const FunctionalModel*>(&model);
  if (functional == nullptr) return true;
  const Graph& graph = *functional->graph();
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (graph.nodes()[i]->inputs.size() > 1) return false;
    if (i > 0 && graph.depths()[i] == graph.depths()[i - 1]) return false;
  }
  return graph.nodes().size() == graph.operations().size();
}

class Summary {
 public:
  Summary(const ModelBase& model, const SummaryArgs& args)
      : model_(model), args_(args), chain_(is_chain(model)) {}

  void write(std::ostream& out, bool colour) const {
    std::vector<detail::Column> columns = this->columns();
    detail::Table table(std::move(columns), line_length());
    const std::vector<LayerPtr> layers = listed();
    for (const LayerPtr& layer : layers) add(table, model_, *layer, 0);
    StyledText title("Model: \"" + model_.name() + "\"", Style::bold);
    title.write(out, colour);
    out << '\n';
    table.write(out, colour);
  }

 private:
  int line_length() const {
    if (args_.line_length) return *args_.line_length;
    const int wanted = (chain_ ? 88 : 108) + (args_.show_trainable ? 12 : 0);
    return std::min(wanted, terminal_columns() - 4);
  }

  std::vector<detail::Column> columns() const {
    std::vector<detail::Column> columns = {
        {"Layer (type)"}, {"Output Shape"}, {"Param #", Align::right}};
    std::vector<double> ends = {0.45, 0.80, 1.0};
    if (!chain_) {
      columns.push_back({"Connected to"});
      ends = {0.3, 0.56, 0.74, 1.0};
    }
    if (!args_.positions.empty()) ends = args_.positions;
    if (args_.show_trainable) {
      columns.push_back({"Trainable", Align::centre});
      for (double& end : ends) end *= 0.90;
      ends.push_back(1.0);
    }
    if (ends.size() != columns.size()) {
      throw ValueError("summary: received " + std::to_string(ends.size()) +
                       " positions, expected " + std::to_string(columns.size()));
    }
    int current = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].width = static_cast<int>(ends[i] * line_length()) - current;
      if (columns[i].width < 4)
        throw ValueError("summary: a line of " + std::to_string(line_length()) +
                         " characters is too short for its columns");
      current += columns[i].width;
    }
    return columns;
  }

  std::vector<LayerPtr> listed() const {
    const auto* functional = dynamic_cast<const FunctionalModel*>(&model_);
    std::vector<LayerPtr> layers =
        functional != nullptr ? functional->graph()->operations() : model_.layers();
    if (!args_.layer_range) return layers;
    const auto [first, last] = *args_.layer_range;
    const std::vector<std::size_t> lower = matches(layers, first);
    const std::vector<std::size_t> upper = matches(layers, last);
    if (lower.empty() || upper.empty()) {
      throw ValueError("summary: no layer has the name \"" +
                       (lower.empty() ? first : last).substr(0, 200) + "\"");
    }
    std::size_t begin = lower.front();
    std::size_t end = upper.back() + 1;
    if (begin >= end) {
      begin = upper.front();
      end = lower.back() + 1;
    }
    const auto at = [&](std::size_t i) { return layers.begin() + static_cast<std::ptrdiff_t>(i); };
    return {at(begin), at(end)};
  }

  static std::vector<std::size_t> matches(const std::vector<LayerPtr>& layers,
                                          const std::string& pattern) {
    std::vector<std::size_t> found;
    try {
      const std::regex regex(pattern);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        if (std::regex_search(layers[i]->name(), regex, std::regex_constants::match_continuous))
          found.push_back(i);
      }
    } catch (const std::regex_error&) {
      throw ValueError("summary: \"" + pattern.substr(0, 200) +
                       "\" is no name or pattern of names");
    }
    return found;
  }

  StyledText connections(const BaseLayer& layer) const {
    StyledText text;
    for (const Graph::Node& node : model_.graph()->calls_of(layer)) {
      for (const Symbol& input : node->inputs) {
        if (text.width() > 0) text.append(", ");
        text.append(input.node()->layer->name() + "[");
        text.append(std::to_string(input.node()->index), Style::number);
        text.append("][");
        text.append(std::to_string(input.index()), Style::number);
        text.append("]");
      }
    }
    if (text.width() == 0) text.append("-");
    return text;
  }

  static StyledText params(const BaseLayer& layer) {
    if (layer.is_operation()) return {"0", Style::number};
    if (!layer.built() && !layer.traits().built_early) {
      StyledText text("0", Style::number);
      text.append(" (unbuilt)");
      return text;
    }
    return {with_commas(layer.count_params()), Style::number};
  }

  void add(detail::Table& table, const ModelBase& owner, BaseLayer& layer, int level) const {
    std::vector<StyledText> row;
    StyledText name;
    for (int i = 0; i < level; ++i) name.append("   ");
    if (level > 0) name.append("└ ");
    name.append(layer.name() + " (");
    name.append(layer.class_name(), Style::symbol);
    name.append(")");
    row.push_back(std::move(name));
    const auto shapes = output_shapes_of(owner, layer);
    row.push_back(shapes ? shapes_text(*shapes) : StyledText("?"));
    row.push_back(params(layer));
    if (!chain_) row.push_back(connections(layer));
    if (args_.show_trainable) {
      if (layer.weights().empty())
        row.emplace_back("-", Style::bold);
      else
        row.push_back(layer.trainable() ? StyledText("Y", Style::yes) : StyledText("N", Style::no));
    }
    table.add(std::move(row));
    const auto* inner = dynamic_cast<const ModelBase*>(&layer);
    if (inner == nullptr || !args_.expand_nested) return;
    for (const LayerPtr& child : inner->layers()) add(table, *inner, *child, level + 1);
  }

  const ModelBase& model_;
  const SummaryArgs& args_;
  bool chain_;
};

OptimizerSize size_of_all(const std::vector<Variable>& variables) {
  OptimizerSize size;
  for (const Variable& variable : variables) {
    size.count += variable.size();
    size.bytes += variable.size() * static_cast<std::int64_t>(size_of(variable.dtype()));
  }
  return size;
}

void write_total(std::ostream& out, bool colour, const char* what, const OptimizerSize& size) {
  StyledText line(std::string(" ") + what + " params: ", Style::bold);
  line.append(with_commas(size.count), Style::number);
  line.append(" (" + readable(size.bytes) + ")");
  line.write(out, colour);
  out << '\n';
}

}  // namespace

std::optional<std::vector<Shape>> output_shapes_of(const ModelBase& owner, BaseLayer& layer) {
  if (owner.graph() != nullptr) {
    const auto calls = owner.graph()->calls_of(layer);
    if (!calls.empty()) {
      std::vector<Shape> shapes;
      for (const Spec& spec : calls.back()->outputs) shapes.push_back(spec.shape);
      return shapes;
    }
  }
  if (layer.build_shapes().empty()) return std::nullopt;
  return layer.compute_output_shapes(layer.build_shapes());
}

void print_summary(const ModelBase& model,
                   std::ostream& out,
                   const SummaryArgs& args,
                   const std::optional<OptimizerSize>& optimizer) {
  const bool colour = args.colour.value_or(wants_colour(out));
  Summary(model, args).write(out, colour);
  const OptimizerSize trainable = size_of_all(model.trainable_variables());
  const OptimizerSize others = size_of_all(model.non_trainable_variables());
  const OptimizerSize slots = optimizer.value_or(OptimizerSize());
  write_total(
      out,
      colour,
      "Total",
      {trainable.count + others.count + slots.count, trainable.bytes + others.bytes + slots.bytes});
  write_total(out, colour, "Trainable", trainable);
  write_total(out, colour, "Non-trainable", others);
  if (optimizer) write_total(out, colour, "Optimizer", slots);
}

}  // namespace nyala
