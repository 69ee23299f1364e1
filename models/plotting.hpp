#pragma once
/// Pictures of models: what keras.utils.plot_model is in Python, without Graphviz.
///
///   plot_model(model, {.to_file = "model.svg", .show_shapes = true});
#include <string>

#include <nyala/models/model.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct PlotModelArgs {
  /// Ends in .svg (drawn by Nyala) or .dot (for Graphviz).
  std::string to_file = "model.svg";
  bool show_shapes = false;
  bool show_dtype = false;
  bool show_layer_names = false;
  /// "TB": from top to bottom; "LR": from left to right.
  std::string rankdir = "TB";
  /// Whether the layers of models inside are drawn, in a box for each model.
  bool expand_nested = false;
  bool show_layer_activations = false;
  bool show_trainable = false;
};

/// Draws the layers and the calls between them into a file, which is replaced when the new one is
/// complete. Throws StateError for a model that is not built, ValueError for another ending or
/// rankdir, IoError when the file cannot be written.
void plot_model(const Model& model, const PlotModelArgs& args = {});
/// The same in the language of Graphviz.
std::string model_to_dot(const Model& model, const PlotModelArgs& args = {});
/// The same as a picture.
std::string model_to_svg(const Model& model, const PlotModelArgs& args = {});

}  // namespace nyala

#pragma GCC visibility pop
