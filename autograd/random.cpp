#include <nyala/autograd/random.hpp>

#include <algorithm>
#include <mutex>
#include <random>
#include <string>

#include <nyala/autograd/init_scope.hpp>
#include <nyala/autograd/seed_registry.hpp>
#include <nyala/core/kernels/philox.hpp>
#include <nyala/core/ops/random.hpp>

namespace nyala {
namespace random {
namespace {

// Numbers made from the program's seed for different purposes come from different streams.
enum Purpose : std::uint64_t { kGlobalGenerator = 2, kDefaultSeeds = 3 };

std::int64_t derived(std::uint64_t seed, std::uint64_t number, Purpose purpose) {
  const auto words = kernels::philox(seed, number, purpose);
  return static_cast<std::int64_t>(words[0] | static_cast<std::uint64_t>(words[1]) << 32);
}

// The seeds given to those who have none.
struct DefaultSeeds {
  std::mutex mutex;
  std::uint64_t root;
  std::uint64_t given = 0;

  DefaultSeeds() {
    std::random_device device;
    root = device() | static_cast<std::uint64_t>(device()) << 32;
  }
};

// These are never destroyed: threads may draw while the program ends.
DefaultSeeds& default_seeds() {
  static DefaultSeeds& seeds = *new DefaultSeeds;
  return seeds;
}

// Generators as they are made; those that are gone are dropped now and then.
class SeedRegistry {
 public:
  void add(const std::shared_ptr<void>& owner, const Variable& state) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= next_sweep_) {
      std::erase_if(entries_, [](const Entry& entry) { return entry.owner.expired(); });
      next_sweep_ = std::max(kFirstSweep, 2 * entries_.size());
    }
    entries_.push_back({owner, state});
  }
  std::vector<Variable> alive() {
    const std::lock_guard lock(mutex_);
    std::vector<Variable> states;
    for (const Entry& entry : entries_) {
      if (!entry.owner.expired()) states.push_back(entry.state);
    }
    return states;
  }

 private:
  static constexpr std::size_t kFirstSweep = 64;
  struct Entry {
    std::weak_ptr<void> owner;
    Variable state;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
  std::size_t next_sweep_ = kFirstSweep;
};

SeedRegistry& seed_registry() {
  static SeedRegistry& registry = *new SeedRegistry;
  return registry;
}

Tensor state_tensor(std::int64_t key) { return Tensor::from(std::vector<std::int64_t>{key, 0}); }

DType dtype_or_floatx(const std::optional<DTypeLike>& dtype) {
  return dtype ? dtype->value : floatx();
}

// Draws with the seed's state. Where only shapes are wanted there is nothing to draw.
template <class F>
Tensor draw(const Shape& shape, DType dtype, const Seed& seed, F&& f) {
  if (!shape.is_known()) return Tensor::abstract(shape, dtype);
  return f(seed.state());
}

}  // namespace

const SeedGenerator& global_seed_generator() {
  const nyala::detail::InitScope scope;  // the first draw may be inside a traced function
  static const SeedGenerator& generator =
      *new SeedGenerator(derived(default_seeds().root, 0, kGlobalGenerator));
  return generator;
}

std::vector<Variable> seed_states() {
  const Variable& global = global_seed_generator().state();
  std::vector<Variable> states = seed_registry().alive();
  std::erase_if(states, [&](const Variable& state) { return state.is(global); });
  return states;
}

std::int64_t make_default_seed() {
  DefaultSeeds& seeds = default_seeds();
  const std::lock_guard lock(seeds.mutex);
  return derived(seeds.root, seeds.given++, kDefaultSeeds);
}

struct SeedGenerator::Shared {
  Variable state;
  std::mutex mutex;
};

const Variable& SeedGenerator::state() const { return shared_->state; }

SeedGenerator::SeedGenerator(std::optional<std::int64_t> seed)
    : shared_(std::make_shared<Shared>()) {
  shared_->state = Variable(state_tensor(seed ? *seed : make_default_seed()),
                            {.trainable = false, .name = "seed_generator_state"});
  seed_registry().add(shared_, shared_->state);
}

Tensor SeedGenerator::next() const {
  static const Tensor one_draw = Tensor::from(std::vector<std::int64_t>{0, 1});
  const std::lock_guard lock(shared_->mutex);
  Tensor now = shared_->state.value();
  shared_->state.assign(now + one_draw);
  return now;
}

Tensor SeedGenerator::peek() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->state.value();
}

void SeedGenerator::reset(std::int64_t seed) const {
  const std::lock_guard lock(shared_->mutex);
  shared_->state.assign(state_tensor(seed));
}

Tensor Seed::state() const {
  if (generator_) return generator_->next();
  return number_ ? state_tensor(*number_) : global_seed_generator().next();
}

Tensor uniform(const Shape& shape, const UniformArgs& args) {
  const DType dtype = dtype_or_floatx(args.dtype);
  return draw(shape, dtype, args.seed, [&](const Tensor& state) {
    return ops::random_uniform(state, shape, args.minval, args.maxval, dtype);
  });
}

Tensor normal(const Shape& shape, const NormalArgs& args) {
  const DType dtype = dtype_or_floatx(args.dtype);
  return draw(shape, dtype, args.seed, [&](const Tensor& state) {
    return ops::random_normal(state, shape, args.mean, args.stddev, dtype);
  });
}

Tensor truncated_normal(const Shape& shape, const NormalArgs& args) {
  const DType dtype = dtype_or_floatx(args.dtype);
  return draw(shape, dtype, args.seed, [&](const Tensor& state) {
    return ops::random_truncated_normal(state, shape, args.mean, args.stddev, dtype);
  });
}

Tensor randint(const Shape& shape,
               std::int64_t minval,
               std::int64_t maxval,
               const RandintArgs& args) {
  return draw(shape, args.dtype, args.seed, [&](const Tensor& state) {
    return ops::random_integers(state, shape, minval, maxval, args.dtype);
  });
}

Tensor bernoulli(const Shape& shape, double probability, const BernoulliArgs& args) {
  if (!(probability >= 0 && probability <= 1)) {
    throw ValueError("bernoulli: received probability " + std::to_string(probability) +
                     ", expected one from 0 to 1");
  }
  const Tensor hit = uniform(shape, {.dtype = DType::float32, .seed = args.seed}) < probability;
  return ops::cast(hit, dtype_or_floatx(args.dtype));
}

Tensor permutation(std::int64_t n, const SeedArgs& args) {
  if (n < 0)
    throw ValueError("permutation: received " + std::to_string(n) + ", expected 0 or more");
  return ops::random_permutation(args.seed.state(), n);
}

Tensor shuffle(const Tensor& x, const ShuffleArgs& args) {
  const int axis = normalize_axis(args.axis, x.rank(), "shuffle");
  if (x.is_abstract() && detail::variable_listener() == nullptr)
    return Tensor::abstract(x.shape(), x.dtype());
  return ops::take(x, permutation(x.shape()[axis], {.seed = args.seed}), {.axis = axis});
}

Tensor categorical(const Tensor& logits, std::int64_t num_samples, const RandintArgs& args) {
  if (logits.rank() != 2 || num_samples < 0) {
    throw ValueError("categorical: received logits of shape " + logits.shape().str() + " and " +
                     std::to_string(num_samples) + " samples, expected (batch, classes) and 0 up");
  }
  // The largest of the logits, each with a number of Gumbel's law added, falls on a class as often
  // as its probability says.
  const Shape shape{logits.shape()[0], num_samples, logits.shape()[1]};
  const Tensor u = uniform(shape, {.minval = 0x1p-25, .dtype = DType::float32, .seed = args.seed});
  const Tensor gumbel = ops::negative(ops::log(ops::negative(ops::log(u))));
  const Tensor best = ops::argmax(ops::expand_dims(logits, 1) + gumbel, {.axis = -1});
  return ops::cast(best, args.dtype);
}

namespace {

Shape noise_shape_for(const Shape& shape, const DropoutArgs& args) {
  if (!args.noise_shape) return shape;
  Shape noise = *args.noise_shape;
  bool fits = noise.rank() == shape.rank();
  for (int i = 0; fits && i < noise.rank(); ++i) {
    if (noise[i] == None) noise[i] = shape[i];
    fits = noise[i] == 1 || noise[i] == shape[i];
  }
  if (fits) return noise;
  throw ValueError("dropout: received noise_shape " + args.noise_shape->str() +
                   ", expected 1 or the size of x, of shape " + shape.str() + ", for each axis");
}

}  // namespace

Tensor dropout(const Tensor& x, double rate, const DropoutArgs& args) {
  if (!(rate >= 0 && rate <= 1))
    throw ValueError("dropout: received rate " + std::to_string(rate) + ", expected 0 to 1");
  if (!is_floating(x.dtype())) {
    throw TypeError("dropout: received dtype " + std::string(name_of(x.dtype())) +
                    ", expected a floating one");
  }
  const Shape noise_shape = noise_shape_for(x.shape(), args);
  if (rate == 0) return x;
  // Outside of a trace an abstract x asks for shapes only, and takes nothing from the stream.
  if (x.is_abstract() && detail::variable_listener() == nullptr)
    return Tensor::abstract(x.shape(), x.dtype());
  const Tensor noise = uniform(noise_shape, {.dtype = DType::float32, .seed = args.seed});
  if (rate == 1) return ops::zeros_like(x);
  return ops::where(noise >= rate, x * (1 / (1 - rate)), 0.0);
}

}  // namespace random

void set_random_seed(std::uint64_t seed) {
  random::DefaultSeeds& seeds = random::default_seeds();
  {
    const std::lock_guard lock(seeds.mutex);
    seeds.root = seed;
    seeds.given = 0;
  }
  random::global_seed_generator().reset(random::derived(seed, 0, random::kGlobalGenerator));
}

}  // namespace nyala
