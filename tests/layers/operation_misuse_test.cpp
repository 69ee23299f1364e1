// Every op of keras.ops, called with arguments that it does not take: too few, too many, undefined,
// of the wrong kind, dtype, rank or size. A call gives a value or an error of the library's, on
// tensors and on symbols; nothing else leaves it.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <nyala/layers/core.hpp>
#include <nyala/layers/operation.hpp>
#include <nyala/layers/operation_defs.hpp>

using namespace nyala;

namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

template <class T>
T pick(std::mt19937& engine, const std::vector<T>& from) {
  return from[engine() % from.size()];
}

Tensor some_tensor(std::mt19937& engine) {
  const Shape shape = pick<Shape>(engine, {{}, {3}, {2, 3}, {0}, {2, 0, 3}, {1, 2, 3, 2}});
  const DType dtype = pick<DType>(
      engine, {float32, float64, float16, bfloat16, int32, int64, uint8, uint64, bool_});
  const Tensor numbers = ops::arange(static_cast<double>(shape.num_elements()));
  return ops::cast(ops::reshape(numbers - 2, shape), dtype);
}

Config some_plain(std::mt19937& engine, int depth = 0) {
  switch (engine() % (depth < 2 ? 9 : 7)) {
    case 0: return {};
    case 1: return engine() % 2 == 0;
    case 2:
    case 3: return pick<std::int64_t>(engine, {kLeast, -2, -1, 0, 1, 2, 3, 1000, kMost});
    case 4:
      return pick<double>(engine,
                          {0.5,
                           -1e300,
                           std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()});
    case 5: return std::string(pick<const char*>(engine, {"", "float32", "same", "ij,jk", "x\n"}));
    case 6: return Config::dict();
    default: {
      Config list = Config::list();
      for (std::size_t i = engine() % 4; i > 0; --i) list.push_back(some_plain(engine, depth + 1));
      return list;
    }
  }
}

Argument some_argument(std::mt19937& engine, std::size_t tensors) {
  switch (engine() % 5) {
    case 0: return some_plain(engine);
    case 1: return Argument::tensor(some_tensor(engine));
    case 2: return Argument(Argument::List{Argument::symbol(engine() % tensors), Config(1)});
    default: return Argument::symbol(engine() % tensors);
  }
}

struct Call {
  Config options = Config::dict();
  Arguments arguments;
};

Call some_call(std::mt19937& engine, const OperationDef& def, std::size_t tensors) {
  Call call;
  for (const Parameter& parameter : def.signature) {
    if (engine() % 5 == 0) continue;
    if (parameter.is_option)
      call.options[parameter.name] = some_plain(engine);
    else if (parameter.is_keyword)
      call.arguments.named.emplace_back(parameter.name, some_argument(engine, tensors));
    else
      call.arguments.positional.push_back(some_argument(engine, tensors));
  }
  if (engine() % 16 == 0) call.arguments.positional.push_back(some_argument(engine, tensors));
  if (engine() % 16 == 0) call.options["no_such_option"] = 1;
  return call;
}

// Counts the calls that gave a value.
template <class F>
int count_values(F&& call) {
  try {
    call();
    return 1;
  } catch (const Error&) {
    return 0;
  } catch (const std::exception& error) {
    FAIL_CHECK("not an error of the library: " << error.what());
    return 0;
  }
}

}  // namespace

TEST_CASE("every op answers wrong arguments with an error of the library") {
  const std::int64_t limit = memory_limit();
  set_memory_limit(memory_stats().bytes_in_use + (std::int64_t{64} << 20));
  std::mt19937 engine(11);
  int values = 0;
  for (const OperationDef& def : operation_defs()) {
    CAPTURE(def.name);
    for (int i = 0; i < 100; ++i) {
      CAPTURE(i);
      const std::vector<Tensor> tensors = {some_tensor(engine), some_tensor(engine)};
      const Call call = some_call(engine, def, tensors.size());
      values += count_values(
          [&] { def.run(def, bind_parameters(def, call.options, call.arguments), tensors); });
      std::vector<Symbol> symbols;
      for (const Tensor& tensor : tensors) {
        Shape shape = tensor.shape();
        if (shape.rank() > 0) shape[0] = -1;
        symbols.push_back(Input({.dtype = tensor.dtype(), .batch_shape = shape}));
      }
      count_values([&] { call_operation(def.name, symbols, call.arguments, call.options); });
      symbols[0] = Symbol();
      count_values([&] { call_operation(def.name, symbols, call.arguments, call.options); });
    }
  }
  CHECK(values > 500);
  set_memory_limit(limit);
}
