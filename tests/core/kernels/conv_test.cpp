// Convolutions by tiles against those tap by tap, for every instruction set.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <nyala/core/half.hpp>
#include <nyala/core/kernels/bfloat16_matmul.hpp>
#include <nyala/core/kernels/conv.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using kernels::ConvKind;
using kernels::ConvPlan;
using kernels::ConvShape;
using kernels::WindowAxis;

namespace {

WindowAxis axis(std::int64_t in,
                std::int64_t size,
                std::int64_t stride = 1,
                std::int64_t dilation = 1,
                std::int64_t before = 0,
                std::int64_t after = 0) {
  const std::int64_t room = in + before + after - ((size - 1) * dilation + 1);
  return {in, room >= 0 ? room / stride + 1 : 0, size, stride, dilation, before};
}

std::vector<ConvShape> shapes() {
  const WindowAxis one;
  return {
      {{2, {one, axis(7, 3), axis(8, 3)}}, 5, 19},
      {{1, {one, axis(28, 3), axis(28, 3)}}, 1, 32},
      {{3, {one, axis(13, 3), axis(13, 3)}}, 32, 64},
      {{2, {one, axis(9, 3, 1, 1, 1, 1), axis(9, 3, 1, 1, 1, 1)}}, 16, 16},
      {{2, {one, axis(9, 5, 2, 1, 2, 2), axis(12, 3, 3, 1, 1, 0)}}, 3, 8},
      {{1, {one, axis(8, 1, 2), axis(9, 1, 2)}}, 6, 10},
      {{2, {one, one, axis(700, 3, 1, 64, 128, 0)}}, 8, 7},
      {{2, {one, one, axis(900, 2, 3, 2, 3, 1)}}, 20, 49},
      {{1, {one, axis(11, 3, 2, 3, 4, 1), axis(10, 4, 3, 2, 1, 2)}}, 2, 3},
      {{2, {axis(4, 2, 1, 2, 1, 1), axis(5, 3, 2, 1, 1, 1), axis(6, 2, 1, 1, 0, 1)}}, 3, 5},
      {{2, {one, axis(9, 3, 1, 1, 1, 1), axis(8, 3, 2, 1, 0, 1)}}, 12, 18, 3},
      {{2, {one, axis(9, 3, 1, 1, 1, 1), axis(8, 3, 1, 1, 1, 1)}}, 21, 21, 21},
      {{2, {one, axis(9, 3, 2, 1, 0, 1), axis(40, 3, 2, 2, 1, 1)}}, 16, 16, 16},
      {{1, {one, axis(6, 2, 1, 1, -1, 0), axis(7, 2, 2, 1, -2, -1)}}, 4, 4},
      {{1, {one, axis(3, 3, 1, 1, 5, 5), axis(3, 2, 1, 1, 4, 6)}}, 2, 9},
      {{1, {one, axis(70, 3, 1, 1, 1, 1), axis(600, 3, 1, 1, 1, 1)}}, 4, 4},
  };
}

struct Sizes {
  std::int64_t a, b, out;
};
Sizes sizes_of(ConvKind kind, const ConvShape& s) {
  const std::int64_t x = s.window.batch * s.window.inputs() * s.in_channels;
  const std::int64_t w = s.window.taps() * s.group_in() * s.out_channels;
  const std::int64_t y = s.window.batch * s.window.outputs() * s.out_channels;
  if (kind == ConvKind::forward) return {x, w, y};
  return kind == ConvKind::input_grad ? Sizes{y, w, x} : Sizes{x, y, w};
}

template <class T>
std::vector<T> run(const ConvPlan& plan,
                   const std::vector<T>& a,
                   const std::vector<T>& b,
                   const std::vector<T>& bias,
                   std::int64_t size) {
  std::vector<T> out(static_cast<std::size_t>(size), T{777});
  const auto bytes = static_cast<std::size_t>(plan.workspace());
  std::vector<std::byte> room(bytes + 64, std::byte{0xff});  // NaNs
  void* start = room.data();
  std::size_t space = room.size();
  std::align(64, bytes, start, space);
  plan.run(a.data(),
           b.data(),
           bias.empty() ? nullptr : bias.data(),
           out.data(),
           static_cast<std::byte*>(start));
  return out;
}

template <class T>
void check(DType dtype, ConvKind kind, const ConvShape& shape, bool biased) {
  const Sizes n = sizes_of(kind, shape);
  const auto a = numbers<T>(n.a, 1), b = numbers<T>(n.b, 2);
  const auto bias = numbers<T>(biased ? shape.out_channels : 0, 3);
  const kernels::ConvOptions options{.relu = biased};
  const auto wanted =
      run(*kernels::plan_conv_by_taps(dtype, kind, shape, options), a, b, bias, n.out);
  const auto got = run(*kernels::plan_conv(dtype, kind, shape, options), a, b, bias, n.out);
  // Products of numbers up to 1, summed in another order: errors grow as their number's root.
  const kernels::Window& window = shape.window;
  const std::int64_t terms =
      kind == ConvKind::weight_grad
          ? window.batch * window.outputs()
          : window.taps() * (kind == ConvKind::forward ? shape.group_in() : shape.group_out());
  const double tolerance =
      8 * std::numeric_limits<T>::epsilon() * std::sqrt(static_cast<double>(terms));
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i] - wanted[i])) /
                         (1 + std::fabs(static_cast<double>(wanted[i])));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  CHECK(worst <= tolerance);
}

std::vector<double> widened(const std::vector<BFloat16>& narrow) {
  std::vector<double> wide;
  for (const BFloat16 x : narrow) wide.push_back(static_cast<float>(x));
  return wide;
}
std::vector<double> magnitudes(std::vector<double> values) {
  for (double& x : values) x = std::fabs(x);
  return values;
}

// Against sums of double: rounded once, and with what float32 loses on the way.
void check_bfloat16(ConvKind kind, const ConvShape& shape, bool biased) {
  const Sizes n = sizes_of(kind, shape);
  const auto a = numbers<BFloat16>(n.a, 1), b = numbers<BFloat16>(n.b, 2);
  const auto bias = numbers<BFloat16>(biased ? shape.out_channels : 0, 3);
  const auto plan = kernels::plan_conv_by_taps(DType::float64, kind, shape, {.relu = biased});
  const auto wanted = run(*plan, widened(a), widened(b), widened(bias), n.out);
  const auto terms =
      run(*plan, magnitudes(widened(a)), magnitudes(widened(b)), magnitudes(widened(bias)), n.out);
  const auto got =
      run(*kernels::plan_conv(DType::bfloat16, kind, shape, {.relu = biased}), a, b, bias, n.out);
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(static_cast<float>(got[i]) - wanted[i]);
    wrong += !(error <= std::fabs(wanted[i]) * 0x1p-8 + terms[i] * 0x1p-18);
  }
  CHECK(wrong == 0);
}

constexpr ConvKind kKinds[] = {ConvKind::forward, ConvKind::input_grad, ConvKind::weight_grad};

template <class T>
void check_threads(DType dtype) {
  for (const ConvShape& shape : shapes()) {
    for (const ConvKind kind : kKinds) {
      const Sizes n = sizes_of(kind, shape);
      const auto a = numbers<T>(n.a, 1), b = numbers<T>(n.b, 2);
      const auto plan = kernels::plan_conv(dtype, kind, shape);
      const int before = num_threads();
      set_num_threads(1);
      const auto wanted = run(*plan, a, b, {}, n.out);
      for (const int threads : {2, 3, 8}) {
        set_num_threads(threads);
        const auto got = run(*plan, a, b, {}, n.out);
        CHECK(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(T)) == 0);
      }
      set_num_threads(before);
    }
  }
}

}  // namespace

TEST_CASE("convolutions of all kinds are sums over their taps") {
  for_each_target([](const char* target) {
    INFO("target ", target);
    const auto all = shapes();
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const ConvKind kind : kKinds) {
        INFO("shape ", i, ", kind ", static_cast<int>(kind));
        check<float>(DType::float32, kind, all[i], kind == ConvKind::forward && i % 2 == 0);
        check<double>(DType::float64, kind, all[i], kind == ConvKind::forward && i % 2 == 1);
      }
    }
  });
}

TEST_CASE("convolutions of bfloat16 are sums of float32, rounded once") {
  if (!kernels::multiplies_bfloat16()) return;
  const auto all = shapes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const ConvKind kind : kKinds) {
      INFO("shape ", i, ", kind ", static_cast<int>(kind));
      check_bfloat16(kind, all[i], kind == ConvKind::forward && i % 2 == 0);
    }
  }
}

TEST_CASE("convolutions keep NaN and infinities where they belong") {
  for (const ConvShape& shape : shapes()) {
    for (const ConvKind kind : kKinds) {
      const Sizes n = sizes_of(kind, shape);
      auto a = numbers<float>(n.a, 1), b = numbers<float>(n.b, 2);
      a[a.size() / 2] = std::numeric_limits<float>::infinity();
      a[a.size() / 3] = std::numeric_limits<float>::quiet_NaN();
      const auto wanted =
          run(*kernels::plan_conv_by_taps(DType::float32, kind, shape), a, b, {}, n.out);
      const auto got = run(*kernels::plan_conv(DType::float32, kind, shape), a, b, {}, n.out);
      int wrong = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        wrong += std::isnan(got[i]) != std::isnan(wanted[i]);
        wrong += std::isinf(got[i]) && got[i] != wanted[i];
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("convolutions have the same bits on any number of threads") {
  check_threads<float>(DType::float32);
  if (kernels::multiplies_bfloat16()) check_threads<BFloat16>(DType::bfloat16);
}
