#pragma once
/// What tf.keras does not write of Nadam. Private to the readers.
#include <optional>

#include <nyala/models/optimizers.hpp>
#include <nyala/models/saving/stored_tensor.hpp>

namespace nyala::saving {

/// The running product of Nadam's momenta.
struct MomentumProduct {
  Variable variable;
  double beta_1;
};

/// Of an optimizer that is built; none for one that is not Nadam.
std::optional<MomentumProduct> momentum_product(const optimizers::Optimizer& optimizer);
/// Its value after so many steps: tf.keras begins it anew with each file, the process that wrote
/// the file went on with this one.
StoredTensor value_after(const MomentumProduct& product, const StoredTensor& iterations);

}  // namespace nyala::saving
