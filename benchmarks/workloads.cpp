#include "workloads.hpp"

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

// Numbers between -1 and 1 without a pattern.
Tensor numbers(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.num_elements()));
  std::uint32_t state = 12345;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return Tensor::from(values, shape);
}

constexpr int kOps = 1000;

std::function<void()> small_ops_forward() {
  const Tensor x = numbers({16});
  const Tensor a = ops::full({16}, 0.999);
  return [=] {
    Tensor y = x;
    for (int i = 0; i < kOps; ++i) y = y * a;
  };
}

std::function<void()> small_ops_gradient() {
  const Variable x(numbers({16}));
  const Tensor a = ops::full({16}, 0.999);
  return [=] {
    GradientTape tape;
    Tensor y = x;
    for (int i = 0; i < kOps; ++i) y = y * a;
    tape.gradient(y, x);
  };
}

std::function<void()> small_ops_compiled() {
  const Tensor x = numbers({16});
  const Tensor a = ops::full({16}, 0.999);
  auto chain = function([a](const Tensor& start) {
    Tensor y = start;
    for (int i = 0; i < kOps; ++i) y = y * a;
    return y;
  });
  return [=] { chain(x); };
}

std::function<void()> dot_tiny() {
  const Tensor x = ops::cast(ops::reshape(ops::arange(10), {1, 5, 2}), float32);
  const Tensor y = ops::cast(ops::reshape(ops::arange(10, 20), {1, 2, 5}), float32);
  const layers::Dot dot({.axes = {1, 2}});
  return [=] { dot({x, y}); };
}

std::function<void()> dot_step(const Shape& a, const Shape& b, AxisPair axes, bool normalize) {
  const Variable x(numbers(a));
  const Variable y(numbers(b));
  const layers::Dot dot({.axes = axes, .normalize = normalize});
  const auto step = function([=] {
    GradientTape tape;
    const Tensor z = dot({x, y});
    return tape.gradient(z, std::vector<Variable>{x, y});
  });
  return [=] { step(); };
}

std::function<void()> gemm(std::int64_t n) {
  const Tensor a = numbers({n, n});
  const Tensor b = numbers({n, n});
  return [=] { ops::matmul(a, b); };
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> list = {
        {"small_ops_forward", "an eager op on 16 floats", small_ops_forward, kOps},
        {"small_ops_gradient", "the same, recorded, with its gradient", small_ops_gradient, kOps},
        {"small_ops_compiled", "the same as one compiled function", small_ops_compiled, kOps},
        {"dot_tiny", "Dot of the documentation's example, one eager call", dot_tiny},
        {"dot_vec",
         "Dot (256,64).(256,64), forward and backward",
         [] {
           return dot_step({256, 64}, {256, 64}, 1, false);
         }},
        {"dot_vec_normalized",
         "the same, normalised",
         [] {
           return dot_step({256, 64}, {256, 64}, 1, true);
         }},
        {"dot_attn",
         "Dot (16,128,64).(16,128,64) axes (2,2), forward and backward",
         [] {
           return dot_step({16, 128, 64}, {16, 128, 64}, 2, false);
         }},
        {"dot_attn_normalized",
         "the same, normalised",
         [] {
           return dot_step({16, 128, 64}, {16, 128, 64}, 2, true);
         }},
    };
    for (std::int64_t n : {16, 32, 64, 128, 256, 512, 1024}) {
      list.push_back({"gemm_" + std::to_string(n), "matmul of two square float32 matrices", [n] {
                        return gemm(n);
                      }});
    }
    return list;
  }();
  return all;
}
