#pragma once
/// The losses of Keras. Options stand in Keras's order.
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <nyala/core/fields.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/loss.hpp>

#pragma GCC visibility push(default)

namespace nyala::losses {

/// The fields of a loss: those that all have and its own, in the order of Keras's configuration.
template <class A, class... Own>
constexpr auto loss_fields(Own... own) {
  return std::tuple{
      Field{"name", &A::name, "Name of the loss."},
      Field{"reduction", &A::reduction, "How values become one number."},
      own...,
      Field{"dtype", &A::dtype, "Dtype of the computations; the default floating one if null."}};
}
/// The fields of a cross-entropy between two classes, then others.
template <class A, class... Own>
constexpr auto binary_loss_fields(Own... own) {
  return loss_fields<A>(Field{"from_logits", &A::from_logits, "Whether y_pred is a logit."},
                        Field{"label_smoothing",
                              &A::label_smoothing,
                              "How far labels move to 1/2.",
                              Range::from_0_to_1()},
                        Field{"axis", &A::axis, "Axis that the mean is taken over."},
                        own...);
}
/// The fields of a cross-entropy between several classes, then others.
template <class A, class... Own>
constexpr auto categorical_loss_fields(Own... own) {
  return loss_fields<A>(Field{"from_logits", &A::from_logits, "Whether y_pred is logits."},
                        Field{"label_smoothing",
                              &A::label_smoothing,
                              "How far labels move to the uniform distribution.",
                              Range::from_0_to_1()},
                        Field{"axis", &A::axis, "Axis of the classes."},
                        own...);
}

// The last three options of most losses.
#define NYALA_LOSS_OPTIONS(default_name)       \
  Reduction reduction = "sum_over_batch_size"; \
  std::string name = default_name;             \
  std::optional<DTypeLike> dtype = {}
// A loss without options of its own.
#define NYALA_PLAIN_LOSS(Class, default_name) \
  struct Class##Args {                        \
    NYALA_LOSS_OPTIONS(default_name);         \
    template <class A = Class##Args>          \
    static constexpr auto fields() {          \
      return loss_fields<A>();                \
    }                                         \
  }

NYALA_PLAIN_LOSS(MeanSquaredError, "mean_squared_error");
NYALA_PLAIN_LOSS(MeanAbsoluteError, "mean_absolute_error");
NYALA_PLAIN_LOSS(MeanAbsolutePercentageError, "mean_absolute_percentage_error");
NYALA_PLAIN_LOSS(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error");
NYALA_PLAIN_LOSS(LogCosh, "log_cosh");
NYALA_PLAIN_LOSS(Hinge, "hinge");
NYALA_PLAIN_LOSS(SquaredHinge, "squared_hinge");
NYALA_PLAIN_LOSS(CategoricalHinge, "categorical_hinge");
NYALA_PLAIN_LOSS(KLDivergence, "kl_divergence");
NYALA_PLAIN_LOSS(Poisson, "poisson");

struct CosineSimilarityArgs {
  int axis = -1;
  NYALA_LOSS_OPTIONS("cosine_similarity");
  template <class A = CosineSimilarityArgs>
  static constexpr auto fields() {
    return loss_fields<A>(Field{"axis", &A::axis, "Axis of the vectors."});
  }
  static constexpr const char* kUnsaved = "axis";
};

struct HuberArgs {
  double delta = 1;
  NYALA_LOSS_OPTIONS("huber_loss");
  template <class A = HuberArgs>
  static constexpr auto fields() {
    return loss_fields<A>(
        Field{"delta", &A::delta, "Error beyond which it is linear.", Range::at_least(0)});
  }
  static constexpr const char* kUnsaved = "delta";
};

struct BinaryCrossentropyArgs {
  NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_MEMBER)
  NYALA_LOSS_OPTIONS("binary_crossentropy");
  template <class A = BinaryCrossentropyArgs>
  static constexpr auto fields() {
    return binary_loss_fields<A>();
  }
};

struct BinaryFocalCrossentropyArgs {
  NYALA_BINARY_FOCAL_OPTIONS(NYALA_OPTION_MEMBER)
  NYALA_LOSS_OPTIONS("binary_focal_crossentropy");
  template <class A = BinaryFocalCrossentropyArgs>
  static constexpr auto fields() {
    return binary_loss_fields<A>(
        Field{"apply_class_balancing", &A::apply_class_balancing, "Whether alpha counts."},
        Field{"alpha", &A::alpha, "Weight of class 1; class 0 has 1 - alpha."},
        Field{"gamma",
              &A::gamma,
              "Power of 1 - p: the higher, the less what is nearly right counts."});
  }
};

struct CategoricalCrossentropyArgs {
  NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_MEMBER)
  NYALA_LOSS_OPTIONS("categorical_crossentropy");
  template <class A = CategoricalCrossentropyArgs>
  static constexpr auto fields() {
    return categorical_loss_fields<A>();
  }
};

struct CategoricalFocalCrossentropyArgs {
  NYALA_CATEGORICAL_FOCAL_OPTIONS(NYALA_OPTION_MEMBER)
  NYALA_LOSS_OPTIONS("categorical_focal_crossentropy");
  template <class A = CategoricalFocalCrossentropyArgs>
  static constexpr auto fields() {
    return categorical_loss_fields<A>(
        Field{"alpha", &A::alpha, "Factor of every term."},
        Field{"gamma",
              &A::gamma,
              "Power of 1 - p: the higher, the less what is nearly right counts."});
  }
};

struct CategoricalGeneralizedCrossEntropyArgs {
  double q = 0.5;
  NYALA_LOSS_OPTIONS("categorical_generalized_cross_entropy");
  template <class A = CategoricalGeneralizedCrossEntropyArgs>
  static constexpr auto fields() {
    return loss_fields<A>(Field{"q",
                                &A::q,
                                "Near 0 it is the cross-entropy, near 1 the mean absolute error.",
                                Range{.min = 0, .max = 1, .open_min = true, .open_max = true}});
  }
};

struct SparseCategoricalCrossentropyArgs {
  bool from_logits = false;
  std::optional<int> ignore_class = {};
  Reduction reduction = "sum_over_batch_size";
  int axis = -1;
  std::string name = "sparse_categorical_crossentropy";
  std::optional<DTypeLike> dtype = {};
  static constexpr const char* kUnsaved = "axis";
  template <class A = SparseCategoricalCrossentropyArgs>
  static constexpr auto fields() {
    return loss_fields<A>(Field{"from_logits", &A::from_logits, "Whether y_pred is logits."},
                          Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                          Field{"axis", &A::axis, "Axis of the classes: the last."});
  }
};

struct DiceArgs {
  Reduction reduction = "sum_over_batch_size";
  std::string name = "dice";
  Axes axis = {};
  std::optional<DTypeLike> dtype = {};
  template <class A = DiceArgs>
  static constexpr auto fields() {
    return loss_fields<A>(Field{"axis", &A::axis, "Axes summed over; all if null."});
  }
};

struct TverskyArgs {
  double alpha = 0.5;
  double beta = 0.5;
  Reduction reduction = "sum_over_batch_size";
  std::string name = "tversky";
  Axes axis = {};
  std::optional<DTypeLike> dtype = {};
  template <class A = TverskyArgs>
  static constexpr auto fields() {
    return loss_fields<A>(Field{"alpha", &A::alpha, "Weight of what y_pred misses."},
                          Field{"beta", &A::beta, "Weight of what y_pred has too much."},
                          Field{"axis", &A::axis, "Axes summed over; all if null."});
  }
};

struct CircleArgs {
  NYALA_CIRCLE_OPTIONS(NYALA_OPTION_MEMBER)
  NYALA_LOSS_OPTIONS("circle");
  template <class A = CircleArgs>
  static constexpr auto fields() {
    return loss_fields<A>(
        Field{"gamma", &A::gamma, "Scale of the similarities."},
        Field{"margin", &A::margin, "How relaxed the optimum is."},
        Field{"remove_diagonal", &A::remove_diagonal, "Whether no sample is its own partner."});
  }
};

/// The classes that users name, and how each is made.
#define LOSS(Class, ...)                                   \
  std::shared_ptr<LossBase> make_object(Class##Args args); \
  using Class = LossOf<Class##Args>;
#include <nyala/models/losses/losses.def>
#undef LOSS

#undef NYALA_PLAIN_LOSS
#undef NYALA_LOSS_OPTIONS

}  // namespace nyala::losses

#pragma GCC visibility pop
