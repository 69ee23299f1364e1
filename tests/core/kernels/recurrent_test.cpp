// Sequences through recurrent cells, against scalar loops, for every instruction set.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include <nyala/core/half.hpp>
#include <nyala/core/kernels/bfloat16_matmul.hpp>
#include <nyala/core/kernels/recurrent.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using kernels::Gate;
using kernels::RecurrentCell;
using kernels::RecurrentPlan;

namespace {

double activate(Gate gate, double x) {
  switch (gate) {
    case Gate::linear: return x;
    case Gate::relu: return x > 0 ? x : 0;
    case Gate::tanh: return std::tanh(x);
    case Gate::sigmoid: return 1 / (1 + std::exp(-x));
    case Gate::hard_sigmoid: return std::fmin(std::fmax(x + 3, 0.0), 6.0) / 6;
  }
  return 0;
}

template <class T>
std::vector<T> numbers(std::int64_t n, double phase) {
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>(0.9 * std::sin(1.3 * static_cast<double>(i) + phase));
  return values;
}

// All arrays of a plan.
template <class T>
struct Arrays {
  explicit Arrays(const RecurrentPlan& p, bool masked)
      : x(numbers<T>(p.steps * p.batch * p.width(), 0.1)),
        kernel(numbers<T>(p.units * p.width(), 0.7)),
        bias(numbers<T>(p.width(), 1.9)),
        h(numbers<T>((p.steps + 1) * p.batch * p.units, 2.3)),
        c(numbers<T>((p.steps + 1) * p.batch * p.units, 2.9)),
        saved(numbers<T>(p.steps * p.batch * p.saved_width(), 0)),
        mask(static_cast<std::size_t>(p.steps * p.batch), 1) {
    for (std::size_t i = 0; masked && i < mask.size(); ++i) mask[i] = i % 3 != 1;
  }

  std::vector<T> x, kernel, bias, h, c, saved;
  std::vector<unsigned char> mask;
};

template <class T>
void run(const RecurrentPlan& p, Arrays<T>& a, bool masked) {
  const auto bytes = static_cast<std::size_t>(kernels::recurrent_workspace(p, false));
  std::vector<std::max_align_t> workspace(bytes / sizeof(std::max_align_t) + 8);
  void* start = workspace.data();
  std::size_t room = workspace.size() * sizeof(std::max_align_t);
  std::align(64, bytes, start, room);
  constexpr std::size_t kGuard = 32;
  std::memset(static_cast<std::byte*>(start) + bytes, 0x5a, kGuard);
  kernels::recurrent_forward(
      p,
      {.x = a.x.data(),
       .kernel = a.kernel.data(),
       .bias = p.cell == RecurrentCell::gru ? a.bias.data() : nullptr,
       .mask = masked ? reinterpret_cast<const bool*>(a.mask.data()) : nullptr,
       .h = a.h.data(),
       .c = p.cell == RecurrentCell::lstm ? a.c.data() : nullptr,
       .saved = a.saved.empty() ? nullptr : a.saved.data()},
      start);
  for (std::size_t i = 0; i < kGuard; ++i)
    CHECK(static_cast<std::byte*>(start)[bytes + i] == std::byte{0x5a});
}

// One step of one sample, from its state to the next one.
void step(const RecurrentPlan& p,
          const std::vector<double>& x,
          const std::vector<double>& inner,
          std::vector<double>& h,
          std::vector<double>& c) {
  const auto n = static_cast<std::size_t>(p.units);
  const auto gate = [&](double z) { return activate(p.recurrent_activation, z); };
  const auto last = [&](double z) { return activate(p.activation, z); };
  for (std::size_t i = 0; i < n; ++i) {
    const auto z = [&](std::size_t k) { return x[k * n + i] + inner[k * n + i]; };
    if (p.cell == RecurrentCell::simple) {
      h[i] = last(z(0));
    } else if (p.cell == RecurrentCell::lstm) {
      c[i] = gate(z(1)) * c[i] + gate(z(0)) * last(z(2));
      h[i] = gate(z(3)) * last(c[i]);
    } else {
      const double candidate = last(x[2 * n + i] + gate(z(1)) * inner[2 * n + i]);
      h[i] = gate(z(0)) * h[i] + (1 - gate(z(0))) * candidate;
    }
  }
}

// As a step's product takes it.
double operand(const RecurrentPlan& p, double x) {
  return p.narrow ? static_cast<float>(BFloat16(static_cast<float>(x))) : x;
}

// The largest difference of the states from scalar loops in double, relative to those beyond 1.
template <class T>
double error_of(const RecurrentPlan& p, bool masked) {
  Arrays<T> a(p, masked);
  const Arrays<T> given = a;
  run(p, a, masked);
  const auto n = static_cast<std::size_t>(p.units), width = static_cast<std::size_t>(p.width());
  double worst = 0;
  for (std::int64_t row = 0; row < p.batch; ++row) {
    const auto at = [&](std::int64_t t, std::size_t size) {
      return static_cast<std::size_t>(t * p.batch + row) * size;
    };
    std::vector<double> h(given.h.begin() + static_cast<std::ptrdiff_t>(at(0, n)),
                          given.h.begin() + static_cast<std::ptrdiff_t>(at(0, n) + n));
    std::vector<double> c(given.c.begin() + static_cast<std::ptrdiff_t>(at(0, n)),
                          given.c.begin() + static_cast<std::ptrdiff_t>(at(0, n) + n));
    for (std::int64_t t = 0; t < p.steps; ++t) {
      std::vector<double> x(width), inner(width);
      for (std::size_t j = 0; j < width; ++j) {
        x[j] = static_cast<double>(given.x[at(t, width) + j]);
        if (p.cell == RecurrentCell::gru) inner[j] = static_cast<double>(given.bias[j]);
        for (std::size_t k = 0; k < n; ++k)
          inner[j] +=
              operand(p, h[k]) * operand(p, static_cast<double>(given.kernel[k * width + j]));
      }
      if (!masked || given.mask[at(t, 1)] != 0) step(p, x, inner, h, c);
      for (std::size_t i = 0; i < n; ++i) {
        const auto got = static_cast<double>(a.h[at(t + 1, n) + i]);
        worst = std::fmax(worst, std::fabs(got - h[i]) / std::fmax(1.0, std::fabs(h[i])));
      }
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("kernels: sequences through recurrent cells") {
  for_each_target([](const char*) {
    for (const auto cell : {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
      for (const auto gate :
           {Gate::linear, Gate::relu, Gate::tanh, Gate::sigmoid, Gate::hard_sigmoid}) {
        for (const bool masked : {false, true}) {
          const std::int64_t units = 5 + 3 * static_cast<std::int64_t>(gate);
          RecurrentPlan p{DType::float64, cell, Gate::tanh, gate, 4, 19, units};
          if (cell == RecurrentCell::simple) p.activation = gate;
          // States without a bound multiply their errors: two steps show whether they are right.
          if (gate == Gate::linear || gate == Gate::relu) p.steps = 2;
          CHECK(error_of<double>(p, masked) < 1e-12);
          p.dtype = DType::float32;
          // Sums of up to 17 products of numbers near 1, a few steps deep.
          CHECK(error_of<float>(p, masked) < 2e-5);
        }
      }
    }
  });
}

TEST_CASE("kernels: recurrent cells of few units stay within their workspace") {
  for_each_target([](const char*) {
    for (const auto cell : {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
      for (const std::int64_t units : {1, 2, 3}) {
        for (const std::int64_t batch : {1, 3, 19}) {
          RecurrentPlan p{DType::float64, cell, Gate::tanh, Gate::sigmoid, 4, batch, units};
          CHECK(error_of<double>(p, false) < 1e-12);
          p.dtype = DType::float32;
          CHECK(error_of<float>(p, true) < 2e-5);  // as above
        }
      }
    }
  });
}

TEST_CASE("kernels: weights beyond the first cache are walked forth and back for few rows") {
  for_each_target([](const char*) {
    for (const auto cell : {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
      const std::int64_t units = cell == RecurrentCell::simple ? 90 : 50;  // a narrow last strip
      for (const std::int64_t batch : {1, 2}) {
        RecurrentPlan p{DType::float64, cell, Gate::tanh, Gate::sigmoid, 5, batch, units};
        CHECK(error_of<double>(p, true) < 1e-12);
        p.dtype = DType::float32;
        // Sums of up to 90 products of numbers near 1, a few steps deep.
        CHECK(error_of<float>(p, false) < 1e-4);
      }
    }
  });
}

TEST_CASE("kernels: recurrent cells multiply bfloat16") {
  if (!kernels::multiplies_bfloat16()) return;
  for (const auto cell : {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
    for (const std::int64_t units : {1, 5, 16, 33}) {
      for (const std::int64_t batch : {1, 3, 16, 37}) {
        CAPTURE(units);
        CAPTURE(batch);
        RecurrentPlan p{DType::float32, cell, Gate::tanh, Gate::sigmoid, 4, batch, units};
        p.narrow = true;
        // A state between two numbers of bfloat16 may be rounded to the other one, 2^-8 of itself
        // away.
        CHECK(error_of<float>(p, units % 2 == 0) < 0x1p-8);
      }
    }
  }
}

TEST_CASE("kernels: recurrent results do not depend on threads") {
  RecurrentPlan p{DType::float32, RecurrentCell::lstm, Gate::tanh, Gate::sigmoid, 9, 70, 40};
  for (const bool narrow : {false, kernels::multiplies_bfloat16()}) {
    p.narrow = narrow;
    Arrays<float> one(p, true);
    Arrays<float> many = one;
    const int before = num_threads();
    set_num_threads(1);
    run(p, one, true);
    set_num_threads(8);
    run(p, many, true);
    set_num_threads(before);
    CHECK(one.h == many.h);
    CHECK(one.c == many.c);
    CHECK(one.saved == many.saved);
  }
}
