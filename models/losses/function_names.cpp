// The functions that stand for a loss or a metric by their name, as in Keras.
#include <utility>

#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/loss.hpp>
#include <nyala/models/metrics/functions.hpp>

namespace nyala::losses::detail {
namespace {

using Function = void (*)();

template <class F>
Function address(F* function) {
  return reinterpret_cast<Function>(function);
}

}  // namespace

std::string function_name(Function function) {
  static const std::pair<Function, const char*> all[] = {
#define LOSS(Class, function, ...) {address(&losses::function), #function},
#include <nyala/models/losses/losses.def>
#undef LOSS
#define METRIC(...)
#define METRIC_OF(Class, function, ...) {address(&metrics::function), #function},
#include <nyala/models/metrics/metrics.def>
#undef METRIC
  };
  for (const auto& [known, name] : all) {
    if (known == function) return name;
  }
  return {};
}

}  // namespace nyala::losses::detail
