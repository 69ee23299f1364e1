// Random sizes, axes and options through every op of core/ops.def: whatever comes, a result or a
// nyala::Error. NYALA_RANDOM_DRAWS says how many calls an op gets (by hand: 1000000, under UBSan).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>

#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

int num_draws() {
  const char* text = std::getenv("NYALA_RANDOM_DRAWS");
  return text != nullptr ? std::atoi(text) : 50;
}

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  bool chance(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }
  std::int64_t below(std::int64_t end) {
    return std::uniform_int_distribution<std::int64_t>(0, end - 1)(random_);
  }
  template <class T>
  T one_of(std::initializer_list<T> items) {
    return items.begin()[below(static_cast<std::int64_t>(items.size()))];
  }

  std::int64_t small_size() { return one_of<std::int64_t>({0, 1, 1, 2, 3, 5, 7}); }
  std::int64_t any_number() {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const auto base = one_of<std::int64_t>({0,
                                            0,
                                            0,
                                            0,
                                            most,
                                            -most - 1,
                                            std::int64_t{1} << 62,
                                            -(std::int64_t{1} << 62),
                                            std::int64_t{1} << 31,
                                            -(std::int64_t{1} << 31)});
    const std::int64_t near = below(9) - 4;
    std::int64_t sum = 0;
    return __builtin_add_overflow(base, near, &sum) ? base : sum;
  }
  double any_real() {
    return one_of<double>({0, 1, -1, 0.5, 1e-300, 1e300, -1e300, HUGE_VAL, -HUGE_VAL, NAN});
  }
  // For a huge one only abstract tensors may have it.
  Shape shape(const Shape& usual, bool huge) {
    Shape sizes = usual;
    if (chance(0.15)) sizes.insert(static_cast<int>(below(sizes.rank() + 1)), small_size());
    if (chance(0.1) && sizes.rank() > 0) sizes.erase(static_cast<int>(below(sizes.rank())));
    for (std::int64_t& size : sizes) {
      if (chance(0.25)) size = small_size();
      if (huge && chance(0.2)) size = chance(0.3) ? None : std::abs(any_number() / 2);
    }
    return sizes;
  }
  DType dtype(DType usual) {
    if (chance(0.93)) return usual;
    return one_of(
        {DType::float32, DType::float64, DType::int32, DType::int64, DType::uint8, DType::bool_});
  }
  Tensor values(const Shape& shape, DType dtype) {
    std::vector<double> numbers(static_cast<std::size_t>(shape.num_elements()));
    for (double& number : numbers)
      number = chance(0.02) ? any_real() : static_cast<double>(below(9)) - 3;
    Tensor x = ops::cast(Tensor::from(numbers, shape), dtype);
    if (x.rank() > 1 && chance(0.3)) x = ops::transpose(ops::transpose(x).contiguous());
    return x;
  }
  // The options with other values in some places.
  Config options(const Config& usual) {
    if (usual.is_bool()) return chance(0.2) ? !usual.as_bool() : usual.as_bool();
    if (usual.is_int()) return chance(0.3) ? Config(any_number()) : usual;
    if (usual.is_number()) return chance(0.2) ? Config(any_real()) : usual;
    if (usual.is_null()) return chance(0.2) ? Config(any_number()) : usual;
    if (usual.is_string())
      return chance(0.1) ? Config(name_of(one_of({DType::float64, DType::int32, DType::bool_})))
                         : usual;
    if (usual.is_list()) {
      Config::List items;
      for (const Config& item : usual.as_list()) {
        if (chance(0.05)) continue;
        items.push_back(options(item));
        if (chance(0.05)) items.push_back(items.back());
      }
      return items;
    }
    Config::Dict entries;
    for (const auto& [key, item] : usual.as_dict()) entries.emplace_back(key, options(item));
    return entries;
  }

 private:
  std::mt19937_64 random_;
};

// Nothing here may ask for much memory.
class SmallMemory {
 public:
  SmallMemory() : before_(memory_limit()) {
    set_memory_limit(memory_stats().bytes_in_use + (std::int64_t{64} << 20));
  }
  ~SmallMemory() { set_memory_limit(before_); }
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;

 private:
  std::int64_t before_;
};

struct Count {
  std::int64_t results = 0;
  std::int64_t errors = 0;
};

void run_once(Draw& draw, const Sample& sample, const Config& usual, Count& count) {
  const bool is_abstract = draw.chance(0.4);
  const bool is_usual = draw.chance(0.1);
  std::string call;
  try {
    const Config options = is_usual ? usual : draw.options(usual);
    call = options.str();
    std::vector<Tensor> inputs;
    for (const SampleInput& input : sample.inputs) {
      const Shape shape = is_usual ? input.shape : draw.shape(input.shape, is_abstract);
      const DType dtype = is_usual ? input.dtype : draw.dtype(input.dtype);
      call += " " + std::string(name_of(dtype)) + shape.str() + (is_abstract ? "?" : "");
      inputs.push_back(is_abstract ? Tensor::abstract(shape, dtype) : draw.values(shape, dtype));
    }
    const AnyOp op = sample.op.with(options);
    run_any(op, inputs);
    ++count.results;
  } catch (const Error&) {
    ++count.errors;
  } catch (const std::exception& error) {
    FAIL_CHECK(sample.op.def().name, " ", call, ": ", error.what());
  }
}

}  // namespace

TEST_CASE("random sizes and options give results or errors") {
  const SmallMemory small;
  for (const OpDef* def : all_ops()) {
    const std::vector<Sample> samples = samples_of(*def);
    Count count;
    for (int i = 0; i < num_draws(); ++i) {
      Draw draw(static_cast<std::uint64_t>(i) * 1000003 + def->name.size());
      const Sample& sample = samples[static_cast<std::size_t>(i) % samples.size()];
      run_once(draw, sample, def->config(sample.op.options()), count);
    }
    CAPTURE(def->name);
    CHECK(count.results > 0);
  }
}

TEST_CASE("random sizes through the functions made of ops") {
  const SmallMemory small;
  using Call = std::function<void(Draw&, const Tensor&)>;
  const std::vector<std::pair<const char*, Call>> calls = {
      {"reshape",
       [](Draw& d, const Tensor& x) {
         ops::reshape(x, {d.any_number(), d.any_number()});
       }},
      {"slice_axis",
       [](Draw& d, const Tensor& x) {
         ops::slice_axis(x, 0, d.any_number(), d.any_number(), d.any_number());
       }},
      {"slice",
       [](Draw& d, const Tensor& x) {
         ops::slice(x, {d.any_number(), d.any_number()}, {d.any_number(), d.any_number()});
       }},
      {"split", [](Draw& d, const Tensor& x) { ops::split(x, d.any_number(), {.axis = 1}); }},
      {"split at",
       [](Draw& d, const Tensor& x) {
         ops::split(x, {d.any_number(), d.any_number()});
       }},
      {"pad",
       [](Draw& d, const Tensor& x) {
         ops::pad(x,
                  {{d.any_number(), d.any_number()}},
                  {.mode = d.one_of({"constant", "reflect", "symmetric"})});
       }},
      {"tile",
       [](Draw& d, const Tensor& x) {
         ops::tile(x, {d.any_number(), d.any_number()});
       }},
      {"repeat", [](Draw& d, const Tensor& x) { ops::repeat(x, d.any_number(), 1); }},
      {"repeat each",
       [](Draw& d, const Tensor& x) {
         ops::repeat(ops::reshape(x, {-1}), {d.any_number(), d.any_number()}, 0);
       }},
      {"roll", [](Draw& d, const Tensor& x) { ops::roll(x, d.any_number(), 1); }},
      {"diag", [](Draw& d, const Tensor& x) { ops::diag(x, static_cast<int>(d.any_number())); }},
      {"diag of a vector",
       [](Draw& d, const Tensor& x) {
         ops::diag(ops::reshape(x, {-1}), static_cast<int>(d.any_number()));
       }},
      {"triu", [](Draw& d, const Tensor& x) { ops::triu(x, static_cast<int>(d.any_number())); }},
      {"tril", [](Draw& d, const Tensor& x) { ops::tril(x, static_cast<int>(d.any_number())); }},
      {"rot90", [](Draw& d, const Tensor& x) { ops::rot90(x, static_cast<int>(d.any_number())); }},
      {"diff", [](Draw& d, const Tensor& x) { ops::diff(x, static_cast<int>(d.any_number())); }},
      {"top_k", [](Draw& d, const Tensor& x) { ops::top_k(x, d.any_number()); }},
      {"one_hot",
       [](Draw& d, const Tensor& x) { ops::one_hot(x, d.any_number(), d.any_number()); }},
      {"linspace", [](Draw& d, const Tensor&) { ops::linspace(0, d.any_real(), d.any_number()); }},
      {"eye", [](Draw& d, const Tensor&) { ops::eye(d.any_number(), d.any_number()); }},
      {"arange",
       [](Draw& d, const Tensor&) { ops::arange(d.any_number(), d.any_number(), d.any_number()); }},
      {"arange of reals",
       [](Draw& d, const Tensor&) {
         ops::arange(d.any_real(), d.any_real(), d.any_real(), {.dtype = int32});
       }},
      {"full",
       [](Draw& d, const Tensor&) {
         ops::full({d.any_number(), d.any_number()}, d.any_real(), {.dtype = int32});
       }},
      {"segment_sum",
       [](Draw& d, const Tensor& x) {
         const Tensor ids = d.values({x.shape()[0]}, int64) * d.any_number();
         if (d.chance(0.5))
           ops::segment_sum(x, ids);
         else
           ops::segment_sum(x, ids, {.num_segments = d.any_number()});
       }},
      {"segment_max",
       [](Draw& d, const Tensor& x) {
         ops::segment_max(x, d.values({x.shape()[0]}, int32), {.num_segments = d.any_number()});
       }},
      {"bincount",
       [](Draw& d, const Tensor& x) {
         ops::bincount(ops::cast(ops::reshape(x, {-1}), int64) * d.any_number(),
                       {.minlength = d.any_number()});
       }},
      {"unravel_index",
       [](Draw& d, const Tensor& x) {
         ops::unravel_index(ops::cast(x, int64), {d.any_number(), d.any_number()});
       }},
      {"take", [](Draw& d, const Tensor& x) { ops::take(x, ops::cast(x, int64), d.any_number()); }},
      {"cast", [](Draw& d, const Tensor& x) { ops::cast(x * d.any_real(), d.dtype(int32)); }},
      {"quantile",
       [](Draw& d, const Tensor& x) { ops::quantile(x, ops::full({}, d.any_real()), 0); }},
      {"sum", [](Draw& d, const Tensor& x) { ops::sum(x, d.any_number()); }},
      {"max", [](Draw& d, const Tensor& x) { ops::max(x, d.any_number()); }},
      {"strided",
       [](Draw& d, const Tensor& x) {
         ops::sum(Tensor::strided(x,
                                  {d.small_size(), d.small_size()},
                                  {d.any_number(), d.any_number()},
                                  d.any_number()));
       }},
      {"insert and erase",
       [](Draw& d, const Tensor& x) {
         Shape shape = x.shape();
         shape.insert(static_cast<int>(d.any_number()), 1);
         shape.erase(static_cast<int>(d.any_number()));
       }},
  };
  for (const auto& entry : calls) {
    const auto& name = entry.first;
    const auto& call = entry.second;
    CAPTURE(name);
    for (int i = 0; i < num_draws(); ++i) {
      Draw draw(static_cast<std::uint64_t>(i) * 7919 + 1);
      const Tensor x = draw.values({draw.small_size(), draw.small_size()}, float32);
      try {
        call(draw, x);
      } catch (const Error&) {
      } catch (const std::exception& error) {
        FAIL_CHECK(name, ", draw ", i, ": ", error.what());
      }
    }
  }
}
