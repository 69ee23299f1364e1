#include <cmath>

#include <doctest/doctest.h>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/csv.hpp>

#include "folder.hpp"

using namespace nyala;

namespace {

saving::Table read(const std::string& text, const saving::LoadCsvArgs& args = {}) {
  const testing::Folder folder;
  testing::write_bytes(folder / "t.csv", text);
  return saving::load_csv(folder / "t.csv", args);
}

std::vector<double> values(const saving::Table& table) {
  return table.values().to_vector<double>();
}

using Numbers = std::vector<double>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("tables are read with and without a header") {
  const saving::Table table = read("a,b\n1,2\n3,4.5\n");
  CHECK(table.columns() == Names{"a", "b"});
  CHECK(table.values().shape() == Shape{2, 2});
  CHECK(values(table) == Numbers{1, 2, 3, 4.5});
  CHECK(table.values({"b"}).to_vector<double>() == Numbers{2, 4.5});
  CHECK(table.values({"b", "a"}).to_vector<double>() == Numbers{2, 1, 4.5, 3});
  CHECK(read("1,2\n3,4").columns() == Names{"0", "1"});
  CHECK(values(read("1,2\n3,4")) == Numbers{1, 2, 3, 4});
  CHECK(read("a,b\n").values().shape() == Shape{0, 2});
}

TEST_CASE("cells may be quoted, spaced, signed and empty") {
  CHECK(values(read("\"a, \"\"b\"\"\",c\r\n\"1\", +2 \r\n\r\n-3,4e-2\r\n")) ==
        Numbers{1, 2, -3, 0.04});
  CHECK(read("\"a, \"\"b\"\"\",c\r\n1,2").columns() == Names{"a, \"b\"", "c"});
  CHECK(std::isnan(values(read("a,b\n1,\n"))[1]));
  CHECK(std::isinf(values(read("a\ninf\n"))[0]));
  CHECK(read("\xEF\xBB\xBFx;y\n1;2\n", {.separator = ';'}).columns() == Names{"x", "y"});
}

TEST_CASE("tables that are none are refused, with the place") {
  for (const char* text : {"",
                           "a,b\n1\n",
                           "a,b\n1,2,3\n",
                           "a\nx\n",
                           "a\n\"1\n",
                           "a\n\"1\"2\n",
                           "a,a\n1,2\n",
                           "a\n1 2\n",
                           "a\n1e\n",
                           "a\n+-1\n"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(read(text), FormatError);
  }
  try {
    read("a,b\n1,2\n3,four\n");
    FAIL("was read");
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).find("line 3, column 'b' is 'four'") != std::string::npos);
  }
  CHECK_THROWS_AS(read("a\n1\n").values({"b"}), IndexError);
  CHECK_THROWS_AS(saving::load_csv("/nowhere/t.csv"), IoError);
}
