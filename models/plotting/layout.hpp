#pragma once
/// Where the boxes of a layered graph lie: Sugiyama's method. Private to plotting.
///
/// Ranks follow the longest paths; edges over several ranks pass through points of their own;
/// orders within ranks by barycentres; coordinates by least squares under the distances that must
/// be kept.
#include <cstddef>
#include <utility>
#include <vector>

namespace nyala::plotting {

struct Point {
  double x = 0;
  double y = 0;
};

struct Size {
  double width = 0;
  double height = 0;
};

/// Items and edges between them (from, to), without cycles.
struct LayeredGraph {
  std::vector<Size> items;
  std::vector<std::pair<std::size_t, std::size_t>> edges;
};

/// Ranks run from top to bottom.
struct Layout {
  Size size;
  std::vector<Point> centres;             ///< of the items
  std::vector<std::vector<Point>> bends;  ///< of the edges: between their ends, in order
};

Layout lay_out(const LayeredGraph& graph);

}  // namespace nyala::plotting
