#pragma once
/// What a picture of a model shows, before it is laid out. Private to plotting.
#include <string>
#include <utility>
#include <vector>

#include <nyala/models/plotting.hpp>

namespace nyala::plotting {

/// A layer as a box: a title, and rows of cells below it.
struct Cell {
  enum class Kind : std::uint8_t { plain, trainable, frozen };
  std::string label;  ///< "Output shape: "
  std::string value;
  Kind kind = Kind::plain;
};
struct Box {
  std::string title;       ///< bold
  std::string class_name;  ///< behind the title in brackets; may be empty
  std::vector<std::vector<Cell>> rows;
};

/// A model inside: the boxes and the frames in it.
struct Frame {
  std::string name;
  std::vector<std::size_t> boxes;
  std::vector<Frame> frames;
};

struct Picture {
  std::vector<Box> boxes;
  /// Pairs of boxes, each once.
  std::vector<std::pair<std::size_t, std::size_t>> edges;
  /// Everything: its own name is not drawn.
  Frame frame;
};

/// Text as XML and Graphviz's HTML have it, without control characters, which XML has not.
std::string escaped(const std::string& text);

/// Throws StateError for a model that is not built.
Picture picture_of(const Model& model, const PlotModelArgs& args);

}  // namespace nyala::plotting
