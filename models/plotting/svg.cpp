// Pictures as SVG.
#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>

#include <nyala/models/plotting/layout.hpp>
#include <nyala/models/plotting/picture.hpp>

namespace nyala {
namespace {

using namespace plotting;

constexpr double kMargin = 20;
constexpr double kTitleHeight = 34;
constexpr double kRowHeight = 32;
constexpr double kPadding = 12;
constexpr double kFrameTitle = 26;

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + number(value) + "\"";
}

// About what a sans-serif font of that size takes; bytes that begin a character count.
double text_width(const std::string& text, double font_size) {
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
  return static_cast<double>(characters) * font_size * 0.58;
}

double cell_width(const Cell& cell) {
  return text_width(cell.label + cell.value, 14) + 2 * kPadding;
}

std::string title_of(const Box& box) {
  return box.class_name.empty() ? box.title : box.title + " (" + box.class_name + ")";
}

Size size_of(const Box& box) {
  double width = text_width(title_of(box), 16) + 2 * kPadding;
  for (const auto& row : box.rows) {
    double sum = 0;
    for (const Cell& cell : row) sum += cell_width(cell);
    width = std::max(width, sum);
  }
  return {width, kTitleHeight + kRowHeight * static_cast<double>(box.rows.size())};
}

struct Rectangle {
  double x = 0, y = 0, width = 0, height = 0;
};

// Everything at its place.
struct Drawing {
  Size size;
  std::vector<Rectangle> boxes;  // by number
  std::vector<std::pair<Rectangle, std::string>> frames;
  std::vector<std::vector<Point>> lines;
};

// Lays out a frame and those inside, which stand in it as boxes of their size.
class FrameLayout {
 public:
  FrameLayout(const Picture& picture, bool sideways) : picture_(picture), sideways_(sideways) {
    drawing_.boxes.resize(picture.boxes.size());
    for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
      const Size size = turned(size_of(picture.boxes[i]));
      drawing_.boxes[i] = {0, 0, size.width, size.height};
    }
  }

  Drawing draw() {
    drawing_.size = place(picture_.frame).size;
    if (sideways_) turn();
    return std::move(drawing_);
  }

 private:
  struct Placed {
    Size size;
    std::vector<std::size_t> boxes;  // all inside
    std::size_t first_frame = 0;
    std::size_t first_line = 0;
    std::size_t last_frame = 0;
    std::size_t last_line = 0;
  };

  Size turned(const Size& size) const { return sideways_ ? Size{size.height, size.width} : size; }

  Placed place(const Frame& frame) {
    Placed all{{}, frame.boxes, drawing_.frames.size(), drawing_.lines.size(), 0, 0};
    std::vector<Placed> inner;
    LayeredGraph graph;
    std::unordered_map<std::size_t, std::size_t> item_of;  // by box
    for (const std::size_t box : frame.boxes) {
      item_of[box] = graph.items.size();
      graph.items.push_back({drawing_.boxes[box].width, drawing_.boxes[box].height});
    }
    for (const Frame& child : frame.frames) {
      Placed placed = place(child);
      const double title = text_width(child.name, 14) + kPadding;
      const Size size{std::max(placed.size.width, sideways_ ? 0 : title) + 2 * kPadding,
                      std::max(placed.size.height, sideways_ ? title : 0) + 2 * kPadding +
                          (sideways_ ? 0 : kFrameTitle)};
      for (const std::size_t box : placed.boxes) item_of[box] = graph.items.size();
      all.boxes.insert(all.boxes.end(), placed.boxes.begin(), placed.boxes.end());
      graph.items.push_back(size);
      inner.push_back(std::move(placed));
    }
    std::vector<std::size_t> edges;
    for (std::size_t i = 0; i < picture_.edges.size(); ++i) {
      const auto from = item_of.find(picture_.edges[i].first);
      const auto to = item_of.find(picture_.edges[i].second);
      if (from == item_of.end() || to == item_of.end() || from->second == to->second) continue;
      graph.edges.emplace_back(from->second, to->second);
      edges.push_back(i);
    }
    const Layout layout = lay_out(graph);
    for (std::size_t i = 0; i < frame.boxes.size(); ++i) {
      Rectangle& box = drawing_.boxes[frame.boxes[i]];
      box.x = layout.centres[i].x - box.width / 2;
      box.y = layout.centres[i].y - box.height / 2;
    }
    for (std::size_t i = 0; i < inner.size(); ++i) {
      const std::size_t item = frame.boxes.size() + i;
      const Size size = graph.items[item];
      const Rectangle outline{layout.centres[item].x - size.width / 2,
                              layout.centres[item].y - size.height / 2,
                              size.width,
                              size.height};
      move(inner[i],
           outline.x + (size.width - inner[i].size.width) / 2,
           outline.y + kPadding + (sideways_ ? 0 : kFrameTitle));
      drawing_.frames.emplace_back(outline, frame.frames[i].name);
    }
    for (std::size_t i = 0; i < edges.size(); ++i)
      add_line(picture_.edges[edges[i]], graph.edges[i], graph, layout, i);
    all.size = layout.size;
    all.last_frame = drawing_.frames.size();
    all.last_line = drawing_.lines.size();
    return all;
  }

  // From the lower side of a box, out of the frame around it, along the bends to the other box.
  void add_line(const std::pair<std::size_t, std::size_t>& boxes,
                const std::pair<std::size_t, std::size_t>& items,
                const LayeredGraph& graph,
                const Layout& layout,
                std::size_t edge) {
    const Rectangle& from = drawing_.boxes[boxes.first];
    const Rectangle& to = drawing_.boxes[boxes.second];
    const double lower = layout.centres[items.first].y + graph.items[items.first].height / 2;
    const double upper = layout.centres[items.second].y - graph.items[items.second].height / 2;
    std::vector<Point> line{{from.x + from.width / 2, from.y + from.height}};
    if (lower > line[0].y + 1) line.push_back({line[0].x, lower});
    line.insert(line.end(), layout.bends[edge].begin(), layout.bends[edge].end());
    const Point end{to.x + to.width / 2, to.y};
    if (upper < end.y - 1) line.push_back({end.x, upper});
    line.push_back(end);
    drawing_.lines.push_back(std::move(line));
  }

  void move(const Placed& placed, double x, double y) {
    for (const std::size_t box : placed.boxes) {
      drawing_.boxes[box].x += x;
      drawing_.boxes[box].y += y;
    }
    for (std::size_t i = placed.first_frame; i < placed.last_frame; ++i) {
      drawing_.frames[i].first.x += x;
      drawing_.frames[i].first.y += y;
    }
    for (std::size_t i = placed.first_line; i < placed.last_line; ++i) {
      for (Point& point : drawing_.lines[i]) point = {point.x + x, point.y + y};
    }
  }

  void turn() {
    const auto swap_sides = [](Rectangle& box) {
      std::swap(box.x, box.y);
      std::swap(box.width, box.height);
    };
    std::swap(drawing_.size.width, drawing_.size.height);
    for (Rectangle& box : drawing_.boxes) swap_sides(box);
    for (auto& [box, name] : drawing_.frames) swap_sides(box);
    for (auto& line : drawing_.lines) {
      for (Point& point : line) std::swap(point.x, point.y);
    }
  }

  const Picture& picture_;
  bool sideways_;
  Drawing drawing_;
};

std::string rectangle(const Rectangle& box, const std::string& style) {
  return "<rect" + attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
         attribute("height", box.height) + " " + style + "/>\n";
}

std::string centred_text(const Rectangle& box, double font_size, const std::string& content) {
  return "<text" + attribute("x", box.x + box.width / 2) +
         attribute("y", box.y + box.height / 2 + font_size * 0.35) +
         attribute("font-size", font_size) + " text-anchor=\"middle\" " + content + "</text>\n";
}

std::string draw_box(const Box& box, const Rectangle& place) {
  std::string text = rectangle(place, "fill=\"white\" stroke=\"black\"");
  const Rectangle title{place.x, place.y, place.width, kTitleHeight};
  text += rectangle(title, "fill=\"black\"");
  text +=
      centred_text(title,
                   16,
                   "fill=\"white\"><tspan font-weight=\"bold\">" + escaped(box.title) + "</tspan>" +
                       (box.class_name.empty() ? "" : " (" + escaped(box.class_name) + ")"));
  double y = place.y + kTitleHeight;
  for (const auto& row : box.rows) {
    double wanted = 0;
    for (const Cell& cell : row) wanted += cell_width(cell);
    double x = place.x;
    for (const Cell& cell : row) {
      const Rectangle outline{x, y, cell_width(cell) * place.width / wanted, kRowHeight};
      const bool plain = cell.kind == Cell::Kind::plain;
      const char* fill = plain                                ? "white"
                         : cell.kind == Cell::Kind::trainable ? "forestgreen"
                                                              : "firebrick";
      text += rectangle(outline, std::string("fill=\"") + fill + "\" stroke=\"black\"");
      text += centred_text(outline,
                           14,
                           std::string("fill=\"") + (plain ? "black" : "white") + "\">" +
                               escaped(cell.label) + "<tspan font-weight=\"bold\">" +
                               escaped(cell.value) + "</tspan>");
      x += outline.width;
    }
    y += kRowHeight;
  }
  return text;
}

// Curves that leave and reach each point along the ranks.
std::string draw_line(const std::vector<Point>& line, bool sideways) {
  const auto point = [](double x, double y) { return number(x) + " " + number(y); };
  std::string path = "M" + point(line[0].x, line[0].y);
  for (std::size_t i = 1; i < line.size(); ++i) {
    const Point a = line[i - 1];
    const Point b = line[i];
    const double x = (a.x + b.x) / 2;
    const double y = (a.y + b.y) / 2;
    path += " C" +
            (sideways ? point(x, a.y) + " " + point(x, b.y) : point(a.x, y) + " " + point(b.x, y)) +
            " " + point(b.x, b.y);
  }
  return "<path d=\"" + path +
         "\" fill=\"none\" stroke=\"black\" stroke-width=\"2\" marker-end=\"url(#arrow)\"/>\n";
}

}  // namespace

std::string model_to_svg(const Model& model, const PlotModelArgs& args) {
  const Picture picture = picture_of(model, args);
  const bool sideways = args.rankdir == "LR";
  const Drawing drawing = FrameLayout(picture, sideways).draw();
  const double width = drawing.size.width + 2 * kMargin;
  const double height = drawing.size.height + 2 * kMargin;
  std::string text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\"" + attribute("width", width) +
      attribute("height", height) + " viewBox=\"0 0 " + number(width) + " " + number(height) +
      "\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>" + escaped(model.name()) +
      "</title>\n<defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" "
      "refY=\"5\" markerWidth=\"5\" markerHeight=\"5\" orient=\"auto\"><path "
      "d=\"M0 0L10 5L0 10z\"/></marker></defs>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<g transform=\"translate(" +
      number(kMargin) + " " + number(kMargin) + ")\">\n";
  for (const auto& [frame, name] : drawing.frames) {
    text += rectangle(frame, "fill=\"none\" stroke=\"gray\" stroke-dasharray=\"6 4\"");
    text += "<text" + attribute("x", frame.x + kPadding) + attribute("y", frame.y + 18) +
            attribute("font-size", 14) + ">" + escaped(name) + "</text>\n";
  }
  for (const auto& line : drawing.lines) text += draw_line(line, sideways);
  for (std::size_t i = 0; i < picture.boxes.size(); ++i)
    text += draw_box(picture.boxes[i], drawing.boxes[i]);
  return text + "</g>\n</svg>\n";
}

}  // namespace nyala
