// nyala plot: a picture of the layers and the calls between them.
#include <memory>

#include <nyala/models/plotting.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

struct Options {
  std::string model;
  bool no_shapes = false;
  bool no_names = false;
  PlotModelArgs plot;
};

void run(const Options& options) {
  const PlotModelArgs& plot = options.plot;
  if (!plot.to_file.ends_with(".svg") && !plot.to_file.ends_with(".dot"))
    throw UsageError(plot.to_file + ": ends in neither .svg nor .dot");
  const Model model = open_model(options.model);
  PlotModelArgs args = plot;
  args.show_shapes = !options.no_shapes;
  args.show_layer_names = !options.no_names;
  about(plot.to_file, [&] { plot_model(model, args); });
}

}  // namespace

void add_plot(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  PlotModelArgs& plot = options->plot;
  CLI::App* command = app.add_subcommand("plot", "Draw the layers and the calls between them");
  add_model_option(*command, options->model);
  command->add_option("OUT", plot.to_file, "Picture to write: .svg, or .dot for Graphviz")
      ->required();
  command->add_option("--rankdir", plot.rankdir, "Direction: from the top (TB) or the left (LR)")
      ->check(CLI::IsMember({"TB", "LR"}))
      ->capture_default_str();
  command->add_flag("--expand-nested", plot.expand_nested, "Draw the layers of models inside");
  command->add_flag("--no-shapes", options->no_shapes, "Leave out shapes");
  command->add_flag("--no-names", options->no_names, "Leave out the names of layers");
  command->add_flag("--show-dtype", plot.show_dtype, "Show dtypes");
  command->add_flag(
      "--show-layer-activations", plot.show_layer_activations, "Show the activations of layers");
  command->add_flag("--show-trainable", plot.show_trainable, "Show which layers are trained");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
