#include <doctest/doctest.h>

#include <nyala/core/error.hpp>
#include <nyala/core/shape.hpp>

using namespace nyala;

TEST_CASE("shapes print as Keras prints them") {
  CHECK(Shape{}.str() == "()");
  CHECK(Shape{3}.str() == "(3,)");
  CHECK(Shape{None, 3}.str() == "(None, 3)");
}

TEST_CASE("shapes broadcast as NumPy's do") {
  CHECK(broadcast_shapes({2, 3}, {3}, "add") == Shape{2, 3});
  CHECK(broadcast_shapes({2, 1}, {1, 3}, "add") == Shape{2, 3});
  CHECK(broadcast_shapes({None, 3}, {3}, "add") == Shape{None, 3});
  CHECK(broadcast_shapes({0, 1}, {3}, "add") == Shape{0, 3});
  CHECK_THROWS_AS(broadcast_shapes({2, 3}, {2}, "add"), ShapeError);
}

TEST_CASE("a shape may have more axes than are stored inline") {
  Shape shape = Shape::filled(9, 2);
  Shape copy = shape;
  copy[8] = 5;
  CHECK(shape[8] == 2);
  CHECK(copy.num_elements() == 256 * 5);
  CHECK_THROWS_AS((Shape{1LL << 40, 1LL << 40}.num_elements()), LimitError);
}
