// Every op of core/ops.def, on its own samples: what `infer` says, strided inputs, dtypes, errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

Tensor draw(const SampleInput& input, DType floating, std::mt19937& random) {
  const bool is_float = is_floating(input.dtype);
  std::uniform_real_distribution<double> real(input.low, input.high);
  std::uniform_int_distribution<int> whole(static_cast<int>(input.low),
                                           static_cast<int>(input.high));
  std::vector<double> values(static_cast<std::size_t>(input.shape.num_elements()));
  for (double& value : values) value = is_float ? real(random) : whole(random);
  return ops::cast(Tensor::from(values, input.shape), is_float ? floating : input.dtype);
}

std::vector<Tensor> draw_inputs(const Sample& sample, DType floating) {
  std::mt19937 random(7);
  std::vector<Tensor> inputs;
  for (const SampleInput& input : sample.inputs) inputs.push_back(draw(input, floating, random));
  return inputs;
}

// The same elements, laid out in memory in the reverse order of axes and with gaps.
Tensor scattered(const Tensor& x) {
  Shape room = x.shape();
  std::vector<int> reversed;
  for (int i = 0; i < x.rank(); ++i) {
    room[i] = 2 * x.shape()[x.rank() - 1 - i] + 1;
    reversed.push_back(x.rank() - 1 - i);
  }
  std::vector<ops::Range1> every_second(static_cast<std::size_t>(x.rank()), {1, std::nullopt, 2});
  std::vector<ops::Range1> backwards(static_cast<std::size_t>(x.rank()), {{}, {}, -1});
  const Tensor memory = ops::zeros(room, {.dtype = x.dtype()}).clone();
  Tensor view = ops::transpose(ops::slice(memory, every_second), reversed);
  view = ops::slice(view, backwards);
  const std::size_t item = size_of(x.dtype());
  std::vector<std::int64_t> index(static_cast<std::size_t>(x.rank()));
  const Tensor packed = x.contiguous();
  const auto* from = static_cast<const std::byte*>(packed.data());
  auto* to = static_cast<std::byte*>(view.mutable_data());
  for (std::int64_t n = 0; n < x.size(); ++n) {
    std::int64_t rest = n;
    std::int64_t offset = 0;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      offset += rest % x.shape()[axis] * view.strides()[axis];
      rest /= x.shape()[axis];
    }
    std::copy_n(from + static_cast<std::size_t>(n) * item,
                item,
                to + offset * static_cast<std::int64_t>(item));
  }
  return view;
}

bool same(const Tensor& a, const Tensor& b, double tolerance) {
  if (a.spec() != b.spec()) return false;
  return ops::allclose(a, b, {.rtol = tolerance, .atol = tolerance, .equal_nan = true});
}

template <class F>
void for_each_sample(F&& f) {
  for (const OpDef* def : all_ops()) {
    const std::vector<Sample> samples = samples_of(*def);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::string which = std::string(def->name) + ", sample " + std::to_string(i);
      CAPTURE(which);
      f(*def, samples[i]);
    }
  }
}

}  // namespace

TEST_CASE("every op has a name of its own, a line of documentation and samples") {
  std::vector<std::string_view> names;
  for (const OpDef* def : all_ops()) {
    CAPTURE(def->name);
    CHECK(!def->doc.empty());
    CHECK(samples_of(*def).size() >= 2);
    CHECK(std::find(names.begin(), names.end(), def->name) == names.end());
    names.push_back(def->name);
  }
}

TEST_CASE("infer says what comes out, abstract calls too") {
  for_each_sample([](const OpDef& def, const Sample& sample) {
    for (DType dtype : {float32, float64}) {
      const std::vector<Tensor> inputs = draw_inputs(sample, dtype);
      Specs specs;
      def.infer(sample.op.options(), Inputs<Spec>(inputs), specs);
      const Tensors outputs = run_any(sample.op, inputs);
      std::vector<Tensor> abstract;
      for (const Tensor& input : inputs)
        abstract.push_back(Tensor::abstract(input.shape(), input.dtype()));
      const Tensors promised = run_any(sample.op, abstract);
      CHECK(outputs.size() == specs.size());
      CHECK(promised.size() == specs.size());
      for (std::size_t i = 0; i < specs.size(); ++i) {
        CHECK(outputs[i].spec() == specs[i]);
        CHECK(!outputs[i].is_abstract());
        CHECK(promised[i].spec() == specs[i]);
        CHECK(promised[i].is_abstract());
      }
    }
  });
}

TEST_CASE("an unknown size stays unknown, and never turns into a wrong one") {
  for_each_sample([](const OpDef&, const Sample& sample) {
    const std::vector<Tensor> inputs = draw_inputs(sample, float32);
    const Tensors outputs = run_any(sample.op, inputs);
    std::vector<Tensor> open;
    for (const Tensor& input : inputs) {
      Shape shape = input.shape();
      if (shape.rank() > 0) shape[0] = None;
      open.push_back(Tensor::abstract(shape, input.dtype()));
    }
    const Tensors promised = run_any(sample.op, open);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      REQUIRE(promised[i].rank() == outputs[i].rank());
      CHECK(promised[i].dtype() == outputs[i].dtype());
      for (int axis = 0; axis < outputs[i].rank(); ++axis) {
        const std::int64_t size = promised[i].shape()[axis];
        CHECK((size == None || size == outputs[i].shape()[axis]));
      }
    }
  });
}

TEST_CASE("inputs may lie in memory as they like") {
  for_each_sample([](const OpDef&, const Sample& sample) {
    const std::vector<Tensor> inputs = draw_inputs(sample, float32);
    std::vector<Tensor> strided;
    for (const Tensor& input : inputs) {
      strided.push_back(scattered(input));
      REQUIRE(same(strided.back(), input, 0));
    }
    const Tensors want = run_any(sample.op, inputs);
    const Tensors got = run_any(sample.op, strided);
    // Sums are formed in another order.
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(same(got[i], want[i], 1e-5));
  });
}

TEST_CASE("float32 and float64 agree") {
  for_each_sample([](const OpDef&, const Sample& sample) {
    const std::vector<Tensor> inputs = draw_inputs(sample, float32);
    std::vector<Tensor> wide;
    for (const Tensor& input : inputs)
      wide.push_back(is_floating(input.dtype()) ? ops::cast(input, float64) : input);
    const Tensors single = run_any(sample.op, inputs);
    const Tensors twice = run_any(sample.op, wide);
    for (std::size_t i = 0; i < single.size(); ++i) {
      // Tangents and quotients near a pole magnify the rounding of float32.
      const double tolerance = 1e-4;
      CHECK(ops::allclose(
          single[i], twice[i], {.rtol = tolerance, .atol = tolerance, .equal_nan = true}));
    }
  });
}

TEST_CASE("an undefined input is an error that names the op") {
  for_each_sample([](const OpDef& def, const Sample& sample) {
    std::vector<Tensor> inputs = draw_inputs(sample, float32);
    inputs.back() = Tensor();
    try {
      run_any(sample.op, inputs);
      CHECK(false);
    } catch (const ValueError& error) {
      CHECK(std::string(error.what()).find(def.name) != std::string::npos);
    }
  });
}

TEST_CASE("an op copies its options whole") {
  for_each_sample([](const OpDef& def, const Sample& sample) {
    AnyOp copy = sample.op;
    const AnyOp moved = std::move(copy);
    CHECK(def.config(moved.options()).str() == def.config(sample.op.options()).str());
    const std::vector<Tensor> inputs = draw_inputs(sample, float32);
    const Tensors want = run_any(sample.op, inputs);
    const Tensors got = run_any(moved, inputs);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(same(got[i], want[i], 0));
  });
}

TEST_CASE("a fused op gives what the ops give that it stands for") {
  int compared = 0;
  for_each_sample([&](const OpDef& def, const Sample& sample) {
    if (def.reference == nullptr) return;
    ++compared;
    const std::vector<Tensor> inputs = draw_inputs(sample, float64);
    const Tensors want = def.reference(sample.op.options(), inputs);
    const Tensors got = run_any(sample.op, inputs);
    REQUIRE(got.size() == want.size());
    // Sums of a few numbers in float64, in another order.
    for (std::size_t i = 0; i < want.size(); ++i)
      if (want[i].defined()) CHECK(same(got[i], want[i], 1e-12));
  });
  CHECK(compared > 60);
}
