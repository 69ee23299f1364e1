#include <algorithm>

#include <nyala/autograd/graph/body.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/autograd/tape_log.hpp>

namespace nyala {
namespace {

void check_custom(const CustomGradient& result) {
  if (!result.value.defined())
    throw ValueError("custom_gradient: its function returned an undefined tensor as its value");
  if (!result.gradient)
    throw ValueError("custom_gradient: its function returned an empty function as its gradient");
}

}  // namespace

Tensor custom_gradient(const std::function<CustomGradient(const std::vector<Tensor>&)>& f,
                       const std::vector<Tensor>& inputs) {
  if (!f) throw ValueError("custom_gradient: received an empty function");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) {
      throw ValueError("custom_gradient: input " + std::to_string(i) + " is an undefined tensor");
    }
  }
  graph::note_custom_gradient();
  CustomGradient result;
  {
    const GradientTape::Pause pause;
    result = f(inputs);
  }
  check_custom(result);
  const bool watched = detail::listeners().tape != nullptr && is_floating(result.value.dtype()) &&
                       std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) {
                         return detail::is_watched(detail::listeners(), input);
                       });
  if (!watched) return result.value;
  // An op, not a plain alias: a program being traced must know the new tensor too.
  Tensor output;
  {
    const GradientTape::Pause pause;
    output = ops::reshape(result.value, result.value.shape());
  }
  detail::TapeLog::mine().record_custom(inputs, output, std::move(result.gradient));
  return output;
}

}  // namespace nyala
