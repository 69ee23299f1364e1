// Views as ops state them, against the tensors that calls give, and in programs.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include <nyala/autograd/function.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

Tensor numbered(const Shape& shape) {
  return ops::reshape(ops::arange(shape.num_elements(), {.dtype = float32}), shape);
}

// With its axes in the reverse order in memory, where it has several.
Tensor transposed_in_memory(const Tensor& x) { return ops::transpose(ops::transpose(x).clone()); }

// One op that gives a view, drawn for an input of this shape.
AnyOp draw_view(const Shape& shape, std::mt19937& draws) {
  const auto one_of = [&](int count) {
    return static_cast<int>(draws() % static_cast<unsigned>(count));
  };
  const auto op_named = [](std::string_view name, const Config& options) {
    for (const OpDef* def : all_ops())
      if (def->name == name) return samples_of(*def)[0].op.with(options);
    throw StateError("no such op");
  };
  Config options = Config::dict(), list = Config::list();
  switch (one_of(3)) {
    case 0: {
      std::vector<int> axes(static_cast<std::size_t>(shape.rank()));
      std::iota(axes.begin(), axes.end(), 0);
      std::shuffle(axes.begin(), axes.end(), draws);
      for (int axis : axes) list.push_back(axis);
      options["axes"] = list;
      return op_named("transpose", options);
    }
    case 1:
      for (int i = 0; i < shape.rank(); ++i) {
        Config range = Config::list();
        const bool backwards = one_of(2) == 0;
        for (const Config& part : {Config(), Config(), Config(backwards ? -1 : 1 + one_of(2))})
          range.push_back(part);
        list.push_back(range);
      }
      options["ranges"] = list;
      return op_named("slice", options);
    default:
      // Two neighbours as one axis, or one more axis of size 1.
      const int at = one_of(shape.rank());
      for (int i = 0; i < shape.rank(); ++i) {
        if (i == at && i + 1 < shape.rank()) {
          list.push_back(shape[i] * shape[i + 1]);
          ++i;
        } else {
          list.push_back(shape[i]);
          if (i == at) list.push_back(1);
        }
      }
      options["shape"] = list;
      return op_named("reshape", options);
  }
}

}  // namespace

TEST_CASE("what an op says of its view is what a call gives, and is no more than that") {
  int views = 0, copies = 0;
  for (const OpDef* def : all_ops()) {
    if (def->view == nullptr) continue;
    CAPTURE(def->name);
    for (const Sample& sample : samples_of(*def)) {
      for (const bool is_transposed : {false, true}) {
        const Tensor dense = numbered(sample.inputs[0].shape);
        const Tensor x = is_transposed ? transposed_in_memory(dense) : dense;
        const auto view = def->view(sample.op.options(), x.spec(), x.strides());
        const Tensor y = run_any(sample.op, {x})[0];
        CHECK(ops::array_equal(y, run_any(sample.op, {dense})[0]));
        if (!view) {
          ++copies;
          CHECK(!x.is_contiguous());
          CHECK(y.is_contiguous());
          continue;
        }
        ++views;
        CHECK(view->shape == y.shape());
        CHECK(view->strides == y.strides());
        if (x.size() > 0 && y.size() > 0)
          CHECK(y.impl()->data - x.impl()->data == view->offset * 4);
      }
    }
  }
  CHECK(views > 20);
  CHECK(copies > 0);
}

TEST_CASE("views in a program take no step of their own, copies take one") {
  const Tensor x = numbered({4, 6});
  const auto views = function([](const Tensor& in) {
    const Tensor part = ops::slice(ops::transpose(in), {{1, 5, 2}, {3, std::nullopt, -1}});
    return ops::reshape(ops::expand_dims(part, 0), {2, 4, 1}) + 1;
  });
  const Tensor expected =
      ops::reshape(ops::slice(ops::transpose(x), {{1, 5, 2}, {3, std::nullopt, -1}}), {2, 4, 1}) +
      1;
  CHECK(ops::array_equal(views(x), expected));
  CHECK(views.program(x).stats().num_units == 1);

  const auto copy =
      function([](const Tensor& in) { return ops::reshape(ops::transpose(in), {24}) + 1; });
  CHECK(ops::array_equal(copy(x), ops::reshape(ops::transpose(x), {24}) + 1));
  CHECK(copy.program(x).stats().num_units == 2);
}

TEST_CASE("views of views, in programs as by themselves") {
  std::mt19937 draws(7);
  const Tensor x = numbered({3, 4, 5});
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    std::vector<AnyOp> chain;
    Tensor expected = x;
    for (int i = 0; i < 5; ++i) {
      chain.push_back(draw_view(expected.shape(), draws));
      expected = run_any(chain.back(), {expected})[0];
    }
    const auto f = function([&](const Tensor& in) {
      Tensor y = in;
      for (const AnyOp& op : chain) y = run_any(op, {y})[0];
      return y * 2;
    });
    CHECK(ops::array_equal(f(x), expected * 2));
  }
}
