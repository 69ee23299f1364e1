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
#define NYALA_NAMED(space, name) \
  std::pair<Function, const char*> { address(&space::name), #name }
  static const std::pair<Function, const char*> all[] = {
      NYALA_NAMED(losses, mean_squared_error),
      NYALA_NAMED(losses, mean_absolute_error),
      NYALA_NAMED(losses, mean_absolute_percentage_error),
      NYALA_NAMED(losses, mean_squared_logarithmic_error),
      NYALA_NAMED(losses, huber),
      NYALA_NAMED(losses, log_cosh),
      NYALA_NAMED(losses, cosine_similarity),
      NYALA_NAMED(losses, hinge),
      NYALA_NAMED(losses, squared_hinge),
      NYALA_NAMED(losses, categorical_hinge),
      NYALA_NAMED(losses, kl_divergence),
      NYALA_NAMED(losses, poisson),
      NYALA_NAMED(losses, binary_crossentropy),
      NYALA_NAMED(losses, binary_focal_crossentropy),
      NYALA_NAMED(losses, categorical_crossentropy),
      NYALA_NAMED(losses, categorical_focal_crossentropy),
      NYALA_NAMED(losses, sparse_categorical_crossentropy),
      NYALA_NAMED(losses, categorical_generalized_cross_entropy),
      NYALA_NAMED(losses, dice),
      NYALA_NAMED(losses, tversky),
      NYALA_NAMED(losses, circle),
      NYALA_NAMED(metrics, accuracy),
      NYALA_NAMED(metrics, binary_accuracy),
      NYALA_NAMED(metrics, categorical_accuracy),
      NYALA_NAMED(metrics, sparse_categorical_accuracy),
      NYALA_NAMED(metrics, top_k_categorical_accuracy),
      NYALA_NAMED(metrics, sparse_top_k_categorical_accuracy),
      NYALA_NAMED(metrics, cosine_similarity),
      NYALA_NAMED(metrics, pearson_correlation),
      NYALA_NAMED(metrics, concordance_correlation)};
#undef NYALA_NAMED
  for (const auto& [known, name] : all) {
    if (known == function) return name;
  }
  return {};
}

}  // namespace nyala::losses::detail
