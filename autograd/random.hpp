#pragma once
/// `nyala::random`: what `keras.random` is in Python.
///
/// Without a seed a call draws from the program's own generator, which `set_random_seed` resets.
/// With a number as its seed it gives the same result each time. With a SeedGenerator it draws the
/// next numbers of that one. Results do not depend on the number of threads.
#include <cstdint>
#include <memory>
#include <optional>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Makes the random numbers of the program repeatable: those drawn without a seed, and those of
/// layers and initializers made from here on without one.
void set_random_seed(std::uint64_t seed);

namespace random {

/// A stream of random numbers. Copies share it. Its state is a Variable, so that a traced function
/// draws new numbers each time it is replayed, the same ones as without tracing.
class SeedGenerator {
 public:
  /// Without a seed, one that follows from `set_random_seed` and how many came before.
  explicit SeedGenerator(std::optional<std::int64_t> seed = {});

  /// The state of one draw, for `nyala::ops::random_*`; the generator moves on. Safe from several
  /// threads, outside of traced functions.
  Tensor next() const;
  /// What `next` would give, without moving on. As safe.
  Tensor peek() const;
  /// int64 {key, number of draws}; not trainable.
  const Variable& state() const;
  /// Starts anew, as one made with this seed.
  void reset(std::int64_t seed) const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

/// Nothing, a number, or a SeedGenerator.
class Seed {
 public:
  Seed() = default;
  template <class T>
  requires std::is_integral_v<T> Seed(T number) : number_(static_cast<std::int64_t>(number)) {}
  Seed(SeedGenerator generator) : generator_(std::move(generator)) {}
  Seed(std::optional<std::int64_t> number) : number_(number) {}

  /// The state for one draw.
  Tensor state() const;

 private:
  std::optional<std::int64_t> number_;
  std::optional<SeedGenerator> generator_;
};

struct UniformArgs {
  double minval = 0;
  double maxval = 1;
  std::optional<DTypeLike> dtype = {};
  Seed seed = {};
};
struct NormalArgs {
  double mean = 0;
  double stddev = 1;
  std::optional<DTypeLike> dtype = {};
  Seed seed = {};
};
struct RandintArgs {
  DTypeLike dtype = DType::int32;
  Seed seed = {};
};
struct BernoulliArgs {
  std::optional<DTypeLike> dtype = {};
  Seed seed = {};
};
struct DropoutArgs {
  /// Axes of size 1 drop together; None stands for the size of x.
  std::optional<Shape> noise_shape = {};
  Seed seed = {};
};
struct SeedArgs {
  Seed seed = {};
};
struct ShuffleArgs {
  int axis = 0;
  Seed seed = {};
};

/// In [minval, maxval). Floats only (floatx without a dtype), as the next two.
Tensor uniform(const Shape& shape, const UniformArgs& args = {});
Tensor normal(const Shape& shape, const NormalArgs& args = {});
/// Normal, drawn again beyond two standard deviations.
Tensor truncated_normal(const Shape& shape, const NormalArgs& args = {});
/// Whole numbers in [minval, maxval).
Tensor randint(const Shape& shape,
               std::int64_t minval,
               std::int64_t maxval,
               const RandintArgs& args = {});
/// 1 with the given probability, else 0.
Tensor bernoulli(const Shape& shape, double probability, const BernoulliArgs& args = {});
/// 0 .. n-1 in random order, int64.
Tensor permutation(std::int64_t n, const SeedArgs& args = {});
/// The rows of x (along `axis`) in random order.
Tensor shuffle(const Tensor& x, const ShuffleArgs& args = {});
/// Classes drawn by their unnormalised log-probabilities: (batch, classes) gives (batch,
/// num_samples).
Tensor categorical(const Tensor& logits, std::int64_t num_samples, const RandintArgs& args = {});
/// x with a share `rate` of its elements set to 0 and the others divided by 1 - rate. Throws
/// ValueError for a rate outside [0, 1] and TypeError for integers.
Tensor dropout(const Tensor& x, double rate, const DropoutArgs& args = {});

/// A seed for who was given none: the n-th one after `set_random_seed(s)` depends on n and s alone.
std::int64_t make_default_seed();

}  // namespace random
}  // namespace nyala

#pragma GCC visibility pop
