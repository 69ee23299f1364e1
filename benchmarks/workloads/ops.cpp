// Chains of small ops, Dot, matmul and other kernels.
#include "../workloads.hpp"

using namespace nyala;

namespace bench {
namespace {

constexpr int kOps = 1000;

// kOps ops on 16 floats.
Tensor chain(Tensor y) {
  static const Tensor factor = ops::full({16}, 1.01);
  static const Tensor term = ops::full({16}, 0.01);
  for (int i = 0; i < kOps / 3; ++i) y = ops::tanh(y * factor + term);
  return y * factor;
}

Step small_ops_forward() {
  return [x = ops::full({16}, 0.5)] { chain(x); };
}

Step small_ops_gradient() {
  return [x = Variable(ops::full({16}, 0.5))] {
    GradientTape tape;
    const Tensor y = chain(x);
    tape.gradient(y, x);
  };
}

Step small_ops_compiled() {
  return [x = ops::full({16}, 0.5), compiled = function(chain)] { compiled(x); };
}

Step small_ops_compiled_gradient() {
  const Variable x(ops::full({16}, 0.5));
  auto compiled = function([x] {
    GradientTape tape;
    const Tensor y = chain(x);
    return tape.gradient(y, x);
  });
  return [compiled] { compiled(); };
}

// The example of Keras's documentation.
Step dot_tiny() {
  const Tensor x = ops::cast(ops::reshape(ops::arange(10), {1, 5, 2}), float32);
  const Tensor y = ops::cast(ops::reshape(ops::arange(10, 20), {1, 2, 5}), float32);
  const layers::Dot dot({.axes = {1, 2}});
  return [=] { dot({x, y}); };
}

Step dot_step(const Shape& shape, int axis, bool normalize) {
  const Variable x(numbers(shape, 1));
  const Variable y(numbers(shape, 2));
  const layers::Dot dot({.axes = axis, .normalize = normalize});
  const auto step = function([=] {
    GradientTape tape;
    const Tensor z = dot({x, y});
    std::vector<Tensor> results = tape.gradient(z, std::vector<Variable>{x, y});
    results.push_back(z);
    return results;
  });
  return [=] { step(); };
}

Step gemm(std::int64_t n) {
  return [a = numbers({n, n}, 1), b = numbers({n, n}, 2)] { ops::matmul(a, b); };
}

const Shape kKernelShape = {256, 1024};
constexpr double kKernelBytes = 2.0 * 256 * 1024 * sizeof(float);

Step unary(Tensor (*op)(const Tensor&)) {
  return [x = numbers(kKernelShape), op] { op(x); };
}

Step layer_normalization() {
  const layers::LayerNormalization layer;
  layer(numbers(kKernelShape));
  return [x = numbers(kKernelShape),
          compiled = function([layer](const Tensor& t) { return layer(t); })] { compiled(x); };
}

// As a training step has it: moments, output, moving averages and all gradients.
Step batch_normalization(const Shape& shape) {
  const layers::BatchNormalization layer;
  const Variable x(numbers(shape, 1));
  layer(x);
  std::vector<Variable> sources = layer.trainable_variables();
  sources.push_back(x);
  const auto step = function([=](const Tensor& dy) {
    GradientTape tape;
    const Tensor y = layer(x, {.training = true});
    std::vector<Tensor> results = tape.gradient(y, sources, {.output_gradients = {dy}});
    results.push_back(y);
    return results;
  });
  return [=, dy = numbers(shape, 2)] { step(dy); };
}

}  // namespace

void add_small_ops(std::vector<Workload>& list) {
  constexpr unsigned tags = kQuick | kOverhead;
  list.push_back({"small_ops_forward",
                  "a small eager op (16 floats, chains of multiply, add and tanh)",
                  small_ops_forward,
                  kOps,
                  tags});
  list.push_back({"small_ops_gradient",
                  "the same, recorded, with its gradient",
                  small_ops_gradient,
                  kOps,
                  tags});
  list.push_back({"small_ops_compiled",
                  "small_ops_forward as one compiled function",
                  small_ops_compiled,
                  kOps,
                  tags});
  list.push_back({"small_ops_compiled_gradient",
                  "small_ops_gradient as one compiled function",
                  small_ops_compiled_gradient,
                  kOps,
                  tags});
}

void add_dots(std::vector<Workload>& list) {
  constexpr double vec_bytes = 256 * 64 * 4 * sizeof(float);
  constexpr double attn_flops = 3.0 * 2 * 16 * 128 * 128 * 64;
  list.push_back({"dot_tiny",
                  "Dot of the documentation's example, one eager call",
                  dot_tiny,
                  1,
                  kQuick | kOverhead});
  list.push_back({"dot_vec",
                  "Dot (256,64).(256,64), forward and backward",
                  [] {
                    return dot_step({256, 64}, 1, false);
                  },
                  1,
                  kQuick,
                  0,
                  vec_bytes});
  list.push_back({"dot_vec_normalized",
                  "the same, normalised",
                  [] {
                    return dot_step({256, 64}, 1, true);
                  },
                  1,
                  kQuick});
  list.push_back({"dot_attn",
                  "Dot (16,128,64).(16,128,64) axes (2,2), forward and backward",
                  [] {
                    return dot_step({16, 128, 64}, 2, false);
                  },
                  1,
                  kQuick | kThreads,
                  attn_flops});
  list.push_back({"dot_attn_normalized",
                  "the same, normalised",
                  [] {
                    return dot_step({16, 128, 64}, 2, true);
                  },
                  1,
                  kQuick | kThreads,
                  attn_flops});
}

void add_kernels(std::vector<Workload>& list) {
  for (const std::int64_t n : {16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048}) {
    const double cube = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
    list.push_back({"gemm_" + std::to_string(n),
                    "matmul of two square float32 matrices",
                    [n] { return gemm(n); },
                    1,
                    n < 256 ? kQuick : kThreads,
                    2 * cube});
  }
  const auto add = [&](const char* name, const char* what, std::function<Step()> make, int arrays) {
    list.push_back({std::string("kernel_") + name,
                    std::string(what) + " of (256,1024) floats",
                    std::move(make),
                    1,
                    kQuick,
                    0,
                    kKernelBytes * arrays / 2});
  };
  add(
      "add",
      "sum",
      [] {
        return [a = numbers(kKernelShape, 1), b = numbers(kKernelShape, 2)] { ops::add(a, b); };
      },
      3);
  add(
      "exp", "exponential", [] { return unary([](const Tensor& x) { return ops::exp(x); }); }, 2);
  add(
      "log",
      "logarithm",
      [] { return [x = numbers(kKernelShape, 1, 0.01F, 10)] { ops::log(x); }; },
      2);
  add(
      "tanh", "tanh", [] { return unary([](const Tensor& x) { return ops::tanh(x); }); }, 2);
  add(
      "sigmoid",
      "sigmoid",
      [] { return unary([](const Tensor& x) { return ops::sigmoid(x); }); },
      2);
  add(
      "softmax",
      "softmax of the rows",
      [] { return unary([](const Tensor& x) { return ops::softmax(x); }); },
      2);
  add("layer_norm", "layer normalisation of the rows", layer_normalization, 2);
  add(
      "batch_norm",
      "batch normalisation in training, forward and backward,",
      [] { return batch_normalization(kKernelShape); },
      4);
}

}  // namespace bench
