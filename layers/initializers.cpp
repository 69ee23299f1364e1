#include <nyala/layers/initializers.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/autograd/random.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::initializers {
namespace {

class ZerosInitializer final : public ObjectBase<InitializerBase, ZerosArgs, ZerosInitializer> {
 public:
  static constexpr const char* kName = "Zeros";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return ops::zeros(shape, {dtype});
  }
};

class OnesInitializer final : public ObjectBase<InitializerBase, OnesArgs, OnesInitializer> {
 public:
  static constexpr const char* kName = "Ones";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return ops::ones(shape, {dtype});
  }
};

class ConstantInitializer final
    : public ObjectBase<InitializerBase, ConstantArgs, ConstantInitializer> {
 public:
  static constexpr const char* kName = "Constant";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return ops::full(shape, args_.value, {dtype});
  }
};

class IdentityInitializer final
    : public ObjectBase<InitializerBase, IdentityArgs, IdentityInitializer> {
 public:
  static constexpr const char* kName = "Identity";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    if (shape.rank() != 2)
      throw ShapeError("Identity: received shape " + shape.str() + ", expected rank 2");
    return ops::cast(ops::eye(shape[0], shape[1], {dtype}) * args_.gain, dtype);
  }
  static std::shared_ptr<InitializerBase> from_config(const Config& config) {
    check_keys(kName, config, {"gain"});
    const Config* gain = config.find("gain");  // tf.keras writes it
    return std::make_shared<IdentityInitializer>(
        IdentityArgs{gain == nullptr ? 1.0 : gain->as_double()});
  }
};

// One that draws, always from the start of the same stream.
template <class Args, class Self>
class RandomInitializer : public ObjectBase<InitializerBase, Args, Self> {
 public:
  explicit RandomInitializer(Args args)
      : ObjectBase<InitializerBase, Args, Self>(std::move(args)),
        seed_(this->args_.seed ? *this->args_.seed : random::make_default_seed()) {}

 protected:
  std::int64_t seed_;
};

class RandomNormalInitializer final
    : public RandomInitializer<RandomNormalArgs, RandomNormalInitializer> {
 public:
  static constexpr const char* kName = "RandomNormal";
  using RandomInitializer::RandomInitializer;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return random::normal(
        shape, {.mean = args_.mean, .stddev = args_.stddev, .dtype = dtype, .seed = seed_});
  }
};

class RandomUniformInitializer final
    : public RandomInitializer<RandomUniformArgs, RandomUniformInitializer> {
 public:
  static constexpr const char* kName = "RandomUniform";
  using RandomInitializer::RandomInitializer;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return random::uniform(
        shape, {.minval = args_.minval, .maxval = args_.maxval, .dtype = dtype, .seed = seed_});
  }
};

class TruncatedNormalInitializer final
    : public RandomInitializer<TruncatedNormalArgs, TruncatedNormalInitializer> {
 public:
  static constexpr const char* kName = "TruncatedNormal";
  using RandomInitializer::RandomInitializer;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return random::truncated_normal(
        shape, {.mean = args_.mean, .stddev = args_.stddev, .dtype = dtype, .seed = seed_});
  }
};

struct Fans {
  double in = 1;
  double out = 1;
};

double product_of(const Shape& shape, const std::vector<int>& axes, const char* who) {
  double product = 1;
  for (int axis : axes)
    product *= static_cast<double>(shape[normalize_axis(axis, shape.rank(), who)]);
  return product;
}

// How many numbers go into one output of a weight, and out of one input.
template <class Args>
Fans fans_of(const Shape& shape, const Args& args, const char* who) {
  if (args.input_axes && args.output_axes) {
    return {product_of(shape, *args.input_axes, who), product_of(shape, *args.output_axes, who)};
  }
  if (shape.rank() == 0) return {};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double field = 1;
  for (int i = 0; i < shape.rank() - 2; ++i) field *= static_cast<double>(shape[i]);
  return {field * static_cast<double>(shape[-2]), field * static_cast<double>(shape[-1])};
}

enum class Mode { fan_in, fan_out, fan_avg };
enum class Distribution { truncated_normal, untruncated_normal, uniform };

Tensor draw_scaled(const Shape& shape,
                   DType dtype,
                   double scale,
                   Mode mode,
                   Distribution distribution,
                   Fans fans,
                   std::int64_t seed) {
  const double n = mode == Mode::fan_in    ? fans.in
                   : mode == Mode::fan_out ? fans.out
                                           : (fans.in + fans.out) / 2;
  const double variance = scale / std::max(1.0, n);
  switch (distribution) {
    case Distribution::truncated_normal: {
      // The standard deviation that a unit normal has left once it is cut at 2.
      constexpr double cut = 0.87962566103423978;
      return random::truncated_normal(
          shape, {.stddev = std::sqrt(variance) / cut, .dtype = dtype, .seed = seed});
    }
    case Distribution::untruncated_normal:
      return random::normal(shape, {.stddev = std::sqrt(variance), .dtype = dtype, .seed = seed});
    case Distribution::uniform: break;
  }
  const double limit = std::sqrt(3 * variance);
  return random::uniform(shape, {.minval = -limit, .maxval = limit, .dtype = dtype, .seed = seed});
}

Mode mode_of(const std::string& name) {
  if (name == "fan_in") return Mode::fan_in;
  if (name == "fan_out") return Mode::fan_out;
  if (name == "fan_avg") return Mode::fan_avg;
  throw ValueError("VarianceScaling: received mode \"" + name +
                   "\", expected fan_in, fan_out or fan_avg");
}

Distribution distribution_of(const std::string& name) {
  if (name == "truncated_normal") return Distribution::truncated_normal;
  if (name == "untruncated_normal") return Distribution::untruncated_normal;
  if (name == "uniform") return Distribution::uniform;
  throw ValueError("VarianceScaling: received distribution \"" + name +
                   "\", expected uniform, truncated_normal or untruncated_normal");
}

class VarianceScalingInitializer final
    : public RandomInitializer<VarianceScalingArgs, VarianceScalingInitializer> {
 public:
  static constexpr const char* kName = "VarianceScaling";
  explicit VarianceScalingInitializer(VarianceScalingArgs args)
      : RandomInitializer(normalized(std::move(args))),
        mode_(mode_of(args_.mode)),
        distribution_(distribution_of(args_.distribution)) {}
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return draw_scaled(
        shape, dtype, args_.scale, mode_, distribution_, fans_of(shape, args_, kName), seed_);
  }

 private:
  static VarianceScalingArgs normalized(VarianceScalingArgs args) {
    for (char& c : args.distribution) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    if (args.distribution == "normal") args.distribution = "truncated_normal";
    return args;
  }

  Mode mode_;
  Distribution distribution_;
};

}  // namespace

// NYALA_FAN_LAW(class, scale, mode, distribution)
#define NYALA_FAN_LAW(Name, scale_, mode_, distribution_)                     \
  struct Name##Law {                                                          \
    static constexpr const char* name = #Name;                                \
    static constexpr double scale = scale_;                                   \
    static constexpr Mode mode = Mode::mode_;                                 \
    static constexpr Distribution distribution = Distribution::distribution_; \
  };
NYALA_FAN_LAW(GlorotNormal, 1, fan_avg, truncated_normal)
NYALA_FAN_LAW(GlorotUniform, 1, fan_avg, uniform)
NYALA_FAN_LAW(HeNormal, 2, fan_in, truncated_normal)
NYALA_FAN_LAW(HeUniform, 2, fan_in, uniform)
NYALA_FAN_LAW(LecunNormal, 1, fan_in, truncated_normal)
NYALA_FAN_LAW(LecunUniform, 1, fan_in, uniform)

namespace {

template <class Law>
class FanInitializer final : public RandomInitializer<FanArgs<Law>, FanInitializer<Law>> {
 public:
  static constexpr const char* kName = Law::name;
  using RandomInitializer<FanArgs<Law>, FanInitializer<Law>>::RandomInitializer;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return draw_scaled(shape,
                       dtype,
                       Law::scale,
                       Law::mode,
                       Law::distribution,
                       fans_of(shape, this->args_, kName),
                       this->seed_);
  }
};

using GlorotNormalInitializer = FanInitializer<GlorotNormalLaw>;
using GlorotUniformInitializer = FanInitializer<GlorotUniformLaw>;
using HeNormalInitializer = FanInitializer<HeNormalLaw>;
using HeUniformInitializer = FanInitializer<HeUniformLaw>;
using LecunNormalInitializer = FanInitializer<LecunNormalLaw>;
using LecunUniformInitializer = FanInitializer<LecunUniformLaw>;

double dot(const double* x, const double* y, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// Makes `count` rows of length n orthonormal, from the first to the last (Gram and Schmidt). Each
// is freed of the earlier ones twice, which leaves no more of them than rounding does.
void orthonormalize(double* rows, std::int64_t count, std::int64_t n) {
  for (std::int64_t i = 0; i < count; ++i) {
    double* row = rows + i * n;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t j = 0; j < i; ++j) {
        const double* earlier = rows + j * n;
        const double share = dot(row, earlier, n);
        for (std::int64_t k = 0; k < n; ++k) row[k] -= share * earlier[k];
      }
    }
    const double norm = std::sqrt(dot(row, row, n));
    for (std::int64_t k = 0; k < n; ++k) row[k] /= norm;
  }
}

class OrthogonalInitializer final
    : public RandomInitializer<OrthogonalArgs, OrthogonalInitializer> {
 public:
  static constexpr const char* kName = "Orthogonal";
  using RandomInitializer::RandomInitializer;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    if (shape.rank() < 2)
      throw ShapeError("Orthogonal: received shape " + shape.str() + ", expected rank 2 or more");
    const std::int64_t columns = shape[-1];
    std::int64_t rows = 1;
    for (int i = 0; i < shape.rank() - 1; ++i) rows *= shape[i];
    const std::int64_t few = std::min(rows, columns), many = std::max(rows, columns);
    Tensor vectors = random::normal({few, many}, {.dtype = DType::float64, .seed = seed_});
    orthonormalize(vectors.mutable_data<double>(), few, many);
    const Tensor matrix = rows < columns ? vectors : ops::transpose(vectors);
    return ops::cast(ops::reshape(matrix, shape) * args_.gain, dtype);
  }
};

}  // namespace

#define INITIALIZER(Name, ...)                                                  \
  std::shared_ptr<InitializerBase> make_object(Name##Args args) {               \
    return std::make_shared<Name##Initializer>(std::forward<Name##Args>(args)); \
  }
#include <nyala/layers/initializers.def>
#undef INITIALIZER

ObjectRegistry<InitializerBase>& InitializerBase::registry() {
  static ObjectRegistry<InitializerBase> all("initializer",
                                             {
#define INITIALIZER(Name, ...) {{#Name, __VA_ARGS__}, Name##Initializer::from_config},
#include <nyala/layers/initializers.def>
#undef INITIALIZER
                                             });
  return all;
}

}  // namespace nyala::initializers

namespace nyala {

NYALA_DEFINE_OPTION_TYPE(initializers::Initializer)

}  // namespace nyala
