// Pictures in the language of Graphviz.
#include <algorithm>

#include <nyala/models/plotting/picture.hpp>
#include <nyala/models/saving/file.hpp>

namespace nyala {
namespace {

using plotting::Box;
using plotting::Cell;
using plotting::escaped;
using plotting::Frame;
using plotting::Picture;

std::string quoted(const std::string& text) {
  std::string safe = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe + "\"";
}

std::string cell_html(const Cell& cell, std::size_t span) {
  const bool plain = cell.kind == Cell::Kind::plain;
  const char* colour = plain                                ? "white"
                       : cell.kind == Cell::Kind::trainable ? "forestgreen"
                                                            : "firebrick";
  return "<td bgcolor=\"" + std::string(colour) + "\" colspan=\"" + std::to_string(span) +
         "\"><font point-size=\"14\"" + (plain ? ">" : " color=\"white\">") + escaped(cell.label) +
         "<b>" + escaped(cell.value) + "</b></font></td>";
}

std::string label_of(const Box& box) {
  std::size_t columns = 1;
  for (const auto& row : box.rows) columns = std::max(columns, row.size());
  std::string table =
      "<<table border=\"0\" cellborder=\"1\" bgcolor=\"black\" cellpadding=\"10\"><tr><td "
      "colspan=\"" +
      std::to_string(columns) + "\" bgcolor=\"black\"><font point-size=\"16\" color=\"white\"><b>" +
      escaped(box.title) + "</b>" +
      (box.class_name.empty() ? "" : " (" + escaped(box.class_name) + ")") + "</font></td></tr>";
  for (const auto& row : box.rows) {
    table += "<tr>";
    for (const Cell& cell : row) table += cell_html(cell, row.size() == 1 ? columns : 1);
    table += "</tr>";
  }
  return table + "</table>>";
}

void write_frame(std::string& text,
                 const Picture& picture,
                 const Frame& frame,
                 const std::string& indent,
                 int& clusters) {
  for (const std::size_t box : frame.boxes) {
    text += indent + "n" + std::to_string(box) + " [label=" + label_of(picture.boxes[box]) +
            ", fontname=\"Helvetica\", margin=0];\n";
  }
  for (const Frame& inner : frame.frames) {
    text += indent + "subgraph cluster_" + std::to_string(clusters++) + " {\n" + indent +
            "  label=" + quoted(inner.name) + "; labeljust=l; style=dashed;\n";
    write_frame(text, picture, inner, indent + "  ", clusters);
    text += indent + "}\n";
  }
}

void check_rankdir(const PlotModelArgs& args) {
  if (args.rankdir == "TB" || args.rankdir == "LR") return;
  throw ValueError("plot_model: rankdir is \"" + cut(args.rankdir) +
                   "\", expected \"TB\" or \"LR\"");
}

}  // namespace

std::string model_to_dot(const Model& model, const PlotModelArgs& args) {
  check_rankdir(args);
  const Picture picture = plotting::picture_of(model, args);
  std::string text = "digraph " + quoted(model.name()) + " {\n  rankdir=" + args.rankdir +
                     "; concentrate=true; splines=ortho;\n  node [shape=plain];\n";
  int clusters = 0;
  write_frame(text, picture, picture.frame, "  ", clusters);
  for (const auto& [from, to] : picture.edges)
    text += "  n" + std::to_string(from) + " -> n" + std::to_string(to) + " [penwidth=2];\n";
  return text + "}\n";
}

void plot_model(const Model& model, const PlotModelArgs& args) {
  check_rankdir(args);
  if (args.to_file.ends_with(".dot"))
    return saving::write_text(args.to_file, model_to_dot(model, args));
  if (args.to_file.ends_with(".svg"))
    return saving::write_text(args.to_file, model_to_svg(model, args));
  throw ValueError("plot_model: to_file is " + cut(args.to_file) +
                   ", expected a name that ends in .svg or .dot");
}

}  // namespace nyala
