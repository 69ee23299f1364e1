#include <nyala/models/saving/nadam.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/core/ops.hpp>

namespace nyala::saving {

std::optional<MomentumProduct> momentum_product(const optimizers::Optimizer& optimizer) {
  if (optimizer->class_name() != "Nadam" || !optimizer.built()) return std::nullopt;
  return MomentumProduct{optimizer.variables().back(),
                         optimizer.get_config().at("beta_1").as_double()};
}

StoredTensor value_after(const MomentumProduct& product, const StoredTensor& iterations) {
  constexpr std::int64_t kChanging = 2000;  // later momenta are beta_1 to the last bit
  const auto steps = ops::cast(iterations.read(), DType::int64).item<std::int64_t>();
  double value = 1;
  double decay = 1;
  for (std::int64_t step = 0; step < std::min(steps, kChanging); ++step) {
    decay *= 0.96;
    value *= product.beta_1 * (1 - 0.5 * decay);
  }
  if (steps > kChanging) value *= std::pow(product.beta_1, static_cast<double>(steps - kChanging));
  return stored_tensor(Tensor::scalar(value, product.variable.dtype()));
}

}  // namespace nyala::saving
