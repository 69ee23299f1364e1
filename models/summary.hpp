#pragma once
/// The table of layers, shapes and parameters that `summary` prints.
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/shape.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class BaseLayer;
class ModelBase;

struct SummaryArgs {
  /// Width of a line; by default 88 (108 with a column of connections, 12 more with
  /// show_trainable), and at most the terminal's less 4.
  std::optional<int> line_length = {};
  /// Where each column ends, as shares of the line.
  std::vector<double> positions = {};
  /// Whether the layers of models inside are listed.
  bool expand_nested = false;
  /// Whether a column says which layers are trained.
  bool show_trainable = false;
  /// Names of the first and the last layer to list.
  std::optional<std::pair<std::string, std::string>> layer_range = {};
  /// Whether colours are used; by default on a terminal, unless NO_COLOR is set.
  std::optional<bool> colour = {};
};

/// The shapes of what a layer of `owner` gives, in its last call there; nothing while they are not
/// known.
std::optional<std::vector<Shape>> output_shapes_of(const ModelBase& owner, BaseLayer& layer);

/// Of the parameters of an optimizer, for the last line.
struct OptimizerSize {
  std::int64_t count = 0;
  std::int64_t bytes = 0;
};

/// Throws ValueError for a line too short for its columns, and for names that no layer has.
void print_summary(const ModelBase& model,
                   std::ostream& out,
                   const SummaryArgs& args = {},
                   const std::optional<OptimizerSize>& optimizer = {});

}  // namespace nyala

#pragma GCC visibility pop
