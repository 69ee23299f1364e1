#include <nyala/core/ops/random.hpp>

#include <limits>

#include <nyala/core/kernels/philox.hpp>
#include <nyala/core/kernels/random.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

struct Stream {
  std::uint64_t key;
  std::uint64_t counter;
};

// A call gets 2^40 counters of its key, so that no two calls of one key share a number. There are
// 2^24 such calls; then the key is replaced by a number drawn from it.
Stream stream_of(const void* state) {
  const auto* words = static_cast<const std::int64_t*>(state);
  auto key = static_cast<std::uint64_t>(words[0]);
  const auto call = static_cast<std::uint64_t>(words[1]);
  constexpr std::uint64_t per_key = 1 << 24;
  if (const std::uint64_t epoch = call / per_key; epoch != 0) {
    const auto block = kernels::philox(key, epoch, /*stream=*/1);
    key = block[0] | static_cast<std::uint64_t>(block[1]) << 32;
  }
  return {key, call % per_key << 40};
}

void check_state(std::string_view who, const Spec& state) {
  const bool is_pair = state.shape.rank() == 1 && (state.shape[0] == 2 || state.shape[0] == None);
  if (state.dtype != DType::int64 || !is_pair) {
    throw ValueError(std::string(who) + ": received a state of shape " + state.shape.str() +
                     " and dtype " + std::string(name_of(state.dtype)) +
                     ", expected (2,) and int64");
  }
}

void check_float(std::string_view who, DType dtype) {
  if (dtype != DType::float32 && dtype != DType::float64) {
    throw ValueError(std::string(who) + ": received dtype " + std::string(name_of(dtype)) +
                     ", expected float32 or float64");
  }
}

void check_range(DType dtype, std::int64_t low, std::int64_t high) {
  if (!is_integer(dtype)) {
    throw ValueError("randint: received dtype " + std::string(name_of(dtype)) +
                     ", expected an integer one");
  }
  const auto [least, most] = visit_stored(dtype, []<class T>() {
    constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();
    if constexpr (std::is_integral_v<T>) {
      using Limits = std::numeric_limits<T>;
      const bool fits = sizeof(T) < sizeof all || std::is_signed_v<T>;
      return std::pair{static_cast<std::int64_t>(Limits::lowest()),
                       fits ? static_cast<std::int64_t>(Limits::max()) : all};
    } else {
      return std::pair{std::int64_t{0}, std::int64_t{0}};
    }
  });
  if (low < high && low >= least && high - 1 <= most) return;
  throw ValueError("randint: received minval " + std::to_string(low) + " and maxval " +
                   std::to_string(high) + ", expected minval < maxval, both within " +
                   std::string(name_of(dtype)));
}

// What the ops share: a shape, a dtype and the state as their only input.
template <class Self>
struct Random {
  Shape shape;
  DType dtype = DType::float32;
  using NoGradient = void;

  Spec infer(Inputs<Spec> in) const {
    check_state(Self::name, in[0]);
    return {shape, dtype};
  }
  static SampleInput sample_state() { return {{2}, 0, 1000, DType::int64}; }
  static std::vector<SampleOf<Self>> samples() {
    const auto make = [](const Shape& sizes) {
      Self op;
      op.shape = sizes;
      return SampleOf<Self>{op, {sample_state()}};
    };
    return {make({3, 5}), make({}), make({0, 2})};
  }
};

template <class Self>
struct RandomFloat : Random<Self> {
  double first = 0;
  double second = 1;

  Spec infer(Inputs<Spec> in) const {
    check_float(Self::name, this->dtype);
    return Random<Self>::infer(in);
  }
  template <class Draw>
  auto fill_with(Draw* draw, std::int64_t size) const {
    return [draw, size, type = this->dtype, a = first, b = second](const void* const* from,
                                                                   void* const* to) {
      const Stream at = stream_of(from[0]);
      draw(type, at.key, at.counter, a, b, size, to[0]);
    };
  }
};

struct RandomUniform : RandomFloat<RandomUniform> {
  static constexpr std::string_view name = "random_uniform";
  static constexpr std::string_view doc = "Uniform numbers.";
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &RandomUniform::shape, "Their shape."},
                      Field{"dtype", &RandomUniform::dtype, "Their dtype."},
                      Field{"minval", &RandomUniform::first, "The smallest."},
                      Field{"maxval", &RandomUniform::second, "What all stay below."}};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return fill_with(kernels::philox_uniform, at.out[0].size());
  }
};

struct RandomNormal : RandomFloat<RandomNormal> {
  static constexpr std::string_view name = "random_normal";
  static constexpr std::string_view doc = "Normal numbers.";
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &RandomNormal::shape, "Their shape."},
                      Field{"dtype", &RandomNormal::dtype, "Their dtype."},
                      Field{"mean", &RandomNormal::first, "Their mean."},
                      Field{"stddev", &RandomNormal::second, "Their standard deviation."}};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return fill_with(kernels::philox_normal, at.out[0].size());
  }
};

struct TruncatedNormal : RandomFloat<TruncatedNormal> {
  static constexpr std::string_view name = "random_truncated_normal";
  static constexpr std::string_view doc = "Normal numbers within two standard deviations.";
  static constexpr auto fields() {
    return std::tuple{
        Field{"shape", &TruncatedNormal::shape, "Their shape."},
        Field{"dtype", &TruncatedNormal::dtype, "Their dtype."},
        Field{"mean", &TruncatedNormal::first, "Their mean."},
        Field{"stddev", &TruncatedNormal::second, "The standard deviation before the cut."}};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return fill_with(kernels::philox_truncated_normal, at.out[0].size());
  }
};

struct RandomIntegers : Random<RandomIntegers> {
  static constexpr std::string_view name = "random_integers";
  static constexpr std::string_view doc = "Uniform whole numbers.";
  std::int64_t low = 0;
  std::int64_t high = 10;
  RandomIntegers() { dtype = DType::int32; }
  Spec infer(Inputs<Spec> in) const {
    check_range(dtype, low, high);
    return Random<RandomIntegers>::infer(in);
  }
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &RandomIntegers::shape, "Their shape."},
                      Field{"dtype", &RandomIntegers::dtype, "Their dtype."},
                      Field{"minval", &RandomIntegers::low, "The smallest."},
                      Field{"maxval", &RandomIntegers::high, "What all stay below."}};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [type = dtype, a = low, b = high, size = at.out[0].size()](const void* const* from,
                                                                      void* const* to) {
      const Stream stream = stream_of(from[0]);
      kernels::philox_integers(type, stream.key, stream.counter, a, b, size, to[0]);
    };
  }
};

struct RandomPermutation {
  static constexpr std::string_view name = "random_permutation";
  static constexpr std::string_view doc = "0 .. n-1 in random order.";
  std::int64_t n = 5;
  using NoGradient = void;
  static constexpr auto fields() {
    return std::tuple{Field{"n", &RandomPermutation::n, "How many numbers."}};
  }
  Spec infer(Inputs<Spec> in) const {
    check_state(name, in[0]);
    if (n < 0)
      throw ValueError("random_permutation: received n = " + std::to_string(n) +
                       ", expected 0 or more");
    return {{n}, DType::int64};
  }
  auto prepare(const Layouts&, Workspace&) const {
    return [count = n](const void* const* from, void* const* to) {
      const Stream at = stream_of(from[0]);
      kernels::philox_permutation(at.key, at.counter, count, static_cast<std::int64_t*>(to[0]));
    };
  }
  static std::vector<SampleOf<RandomPermutation>> samples() {
    RandomPermutation none;
    none.n = 0;
    return {{{}, {Random<RandomIntegers>::sample_state()}},
            {none, {Random<RandomIntegers>::sample_state()}}};
  }
};

template <class Op>
Tensor run_float(
    const Tensor& state, const Shape& shape, double first, double second, DType dtype) {
  Op op;
  op.shape = shape;
  op.dtype = computed_in(dtype);
  op.first = first;
  op.second = second;
  return cast(run_op(op, {state}), dtype);
}

}  // namespace

Tensor random_uniform(
    const Tensor& state, const Shape& shape, double low, double high, DTypeLike dtype) {
  return run_float<RandomUniform>(state, shape, low, high, dtype);
}

Tensor random_normal(
    const Tensor& state, const Shape& shape, double mean, double stddev, DTypeLike dtype) {
  return run_float<RandomNormal>(state, shape, mean, stddev, dtype);
}

Tensor random_truncated_normal(
    const Tensor& state, const Shape& shape, double mean, double stddev, DTypeLike dtype) {
  return run_float<TruncatedNormal>(state, shape, mean, stddev, dtype);
}

Tensor random_integers(
    const Tensor& state, const Shape& shape, std::int64_t low, std::int64_t high, DTypeLike dtype) {
  RandomIntegers op;
  op.shape = shape;
  check_range(dtype, low, high);
  op.dtype = computed_in(dtype);
  op.low = low;
  op.high = high;
  return cast(run_op(op, {state}), dtype);
}

Tensor random_permutation(const Tensor& state, std::int64_t n) {
  RandomPermutation op;
  op.n = n;
  return run_op(op, {state});
}

}  // namespace ops

using namespace ops;
NYALA_OP(RandomUniform)
NYALA_OP(RandomNormal)
NYALA_OP(TruncatedNormal)
NYALA_OP(RandomIntegers)
NYALA_OP(RandomPermutation)

}  // namespace nyala
