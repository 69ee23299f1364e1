// Ops that do more than give results: in a program they run as often as in plain code, and in its
// order.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include <nyala/autograd/function.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

std::vector<int> g_noted;

// Gives what it is given, and notes its number.
template <class Self>
struct Noting {
  int number = 0;
  template <class A = Self>
  static constexpr auto fields() {
    return std::tuple{Field{"number", &A::number, "What is noted."}};
  }
  static constexpr Saves saves = Saves::nothing;

  Spec infer(Inputs<Spec> in) const { return in[0]; }
  auto prepare(const Layouts& at, Workspace&) const {
    return [bytes = at.in[0].nbytes(), noted = number](const void* const* from, void* const* to) {
      g_noted.push_back(noted);
      std::memcpy(to[0], from[0], bytes);
    };
  }
  Grads vjp(const Saved&, const Tensor& dy) const { return {dy}; }
  static std::vector<SampleOf<Self>> samples() { return {{{}, {{{2}}}}, {{}, {{{0}}}}}; }
};

struct Note : Noting<Note> {
  static constexpr std::string_view name = "note";
  static constexpr std::string_view doc = "x; a call has an effect.";
  static constexpr bool effects = true;
};

// The same, but nobody may see how often it runs.
struct Pure : Noting<Pure> {
  static constexpr std::string_view name = "pure_note";
  static constexpr std::string_view doc = "x.";
};

Tensor note(const Tensor& x, int number) { return run_op(Note{{number}}, {x}); }
Tensor pure(const Tensor& x, int number) { return run_op(Pure{{number}}, {x}); }

// What runs of a program note, the trace aside.
template <class F>
std::vector<int> noted_in_runs(const F& f, const Tensor& x, int runs) {
  f.program(x);
  g_noted.clear();
  for (int i = 0; i < runs; ++i) f(x);
  return g_noted;
}

}  // namespace

TEST_CASE("effects are neither left out nor merged, other calls are") {
  const Tensor x = ops::ones({3});
  const auto with_effects = function([](const Tensor& in) {
    note(in, 1);
    const Tensor a = note(in, 2), b = note(in, 2);
    return a + b;
  });
  CHECK(noted_in_runs(with_effects, x, 2) == std::vector<int>{1, 2, 2, 1, 2, 2});
  const auto without = function([](const Tensor& in) {
    pure(in, 1);
    const Tensor a = pure(in, 2), b = pure(in, 2);
    return a + b;
  });
  CHECK(noted_in_runs(without, x, 2) == std::vector<int>{2, 2});
  CHECK(with_effects(x).to_vector<float>() == std::vector<float>{2, 2, 2});
}

TEST_CASE("effects are not made in advance from constants") {
  const auto f = function([](const Tensor& in) {
    const Tensor zero = in * 0.0;
    return note(ops::stop_gradient(zero), 4) + in;
  });
  CHECK(noted_in_runs(f, ops::ones({3}), 3) == std::vector<int>{4, 4, 4});
}

TEST_CASE("effects keep their order, whatever they depend on") {
  Variable sum(ops::zeros({3}));
  const auto f = function([&](const Tensor& in) {
    note(in, 1);
    sum.assign_add(in);
    const Tensor last = note(sum.value(), 2);  // waits for the update, which comes last
    note(in, 3);                               // waits for nothing but the one before
    note(ops::exp(in), 4);
    return ops::sum(last);
  });
  CHECK(noted_in_runs(f, ops::ones({3}), 2) == std::vector<int>{1, 2, 3, 4, 1, 2, 3, 4});
  CHECK(sum.value().to_vector<float>() == std::vector<float>{2, 2, 2});
}

TEST_CASE("effects on large arrays are in no fused loop's way") {
  const Tensor x = ops::ones({70, 80});
  const auto f = function([](const Tensor& in) {
    const Tensor a = note(ops::exp(in), 1);
    const Tensor b = note(ops::tanh(in) + 1, 2);
    return ops::sum(a * b);
  });
  CHECK(noted_in_runs(f, x, 2) == std::vector<int>{1, 2, 1, 2});
  const double expected = 70 * 80 * 2.718281828 * 1.761594156;
  CHECK(f(x).item<double>() == doctest::Approx(expected).epsilon(1e-5));
}
