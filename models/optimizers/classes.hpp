#pragma once
/// The optimizers, with Keras 3's options and formulas. w is a variable, g its gradient, t the
/// number of the step from 1; all else starts with 0 unless it is said.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/models/optimizers/optimizer.hpp>
#include <nyala/models/optimizers/wrappers.hpp>

#pragma GCC visibility push(default)

namespace nyala::optimizers {

///     w -= learning_rate * g
/// with momentum
///     v = momentum * v - learning_rate * g
///     w += v                                   (nesterov: momentum * v - learning_rate * g)
struct SGDArgs {
  LearningRate learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  NYALA_OPTIMIZER_ARGS;
  template <class A = SGDArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(Field{"momentum",
                                     &A::momentum,
                                     "Share of the last step that is taken again.",
                                     Range::from_0_to_1()},
                               Field{"nesterov", &A::nesterov, "Whether to look ahead along it."});
  }
};

///     v = rho * v + (1 - rho) * g^2
///     w -= learning_rate * g / sqrt(v + epsilon)
/// centered, v is less the square of the like mean of g; with momentum the steps are summed as
/// SGD's.
struct RMSpropArgs {
  LearningRate learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  NYALA_OPTIMIZER_ARGS;
  template <class A = RMSpropArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"rho", &A::rho, "Momentum of the mean square.", Range::from_0_to_1()},
        Field{"momentum",
              &A::momentum,
              "Share of the last step that is taken again.",
              Range::from_0_to_1()},
        Field{"epsilon", &A::epsilon, "Added under the root.", Range::at_least(0)},
        Field{"centered",
              &A::centered,
              "Whether to divide by the deviation, not by the mean square."});
  }
};

///     v += g^2                                 (from initial_accumulator_value)
///     w -= learning_rate * g / sqrt(v + epsilon)
struct AdagradArgs {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  NYALA_OPTIMIZER_ARGS;
  template <class A = AdagradArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"initial_accumulator_value",
              &A::initial_accumulator_value,
              "What the sums of squares start with.",
              Range::at_least(0)},
        Field{"epsilon", &A::epsilon, "Added under the root.", Range::at_least(0)});
  }
};

/// Steps as large as the last ones (Zeiler, 2012):
///     v = rho * v + (1 - rho) * g^2
///     d = g * sqrt(u + epsilon) / sqrt(v + epsilon)
///     u = rho * u + (1 - rho) * d^2
///     w -= learning_rate * d
struct AdadeltaArgs {
  LearningRate learning_rate = 0.001;
  double rho = 0.95;
  double epsilon = 1e-7;
  NYALA_OPTIMIZER_ARGS;
  template <class A = AdadeltaArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"rho", &A::rho, "Momentum of the mean squares.", Range::from_0_to_1()},
        Field{"epsilon", &A::epsilon, "Added under the roots.", Range::at_least(0)});
  }
};

/// Kingma and Ba, "Adam" (2014), with epsilon outside of the corrected root (their "epsilon hat"):
///     m = beta_1 * m + (1 - beta_1) * g
///     v = beta_2 * v + (1 - beta_2) * g^2
///     alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
///     w -= alpha * m / (sqrt(v) + epsilon)
/// amsgrad takes the root of the largest v so far.
struct AdamArgs {
  LearningRate learning_rate = 0.001;
  NYALA_ADAM_ARGS;
  bool amsgrad = false;
  NYALA_OPTIMIZER_ARGS;
  template <class A = AdamArgs>
  static constexpr auto fields() {
    return adam_fields<A>(
        Field{"amsgrad", &A::amsgrad, "Whether to divide by the largest mean square so far."});
  }
};

/// Adam, and before each step w -= learning_rate * weight_decay * w.
struct AdamWArgs {
  LearningRate learning_rate = 0.001;
  std::optional<double> weight_decay = 0.004;
  NYALA_ADAM_ARGS;
  bool amsgrad = false;
  NYALA_OPTIMIZER_ARGS_AFTER_DECAY;
  template <class A = AdamWArgs>
  static constexpr auto fields() {
    return adam_fields<A>(
        Field{"amsgrad", &A::amsgrad, "Whether to divide by the largest mean square so far."});
  }
};

/// Adam with the largest gradient in place of the mean square:
///     m = beta_1 * m + (1 - beta_1) * g
///     u = max(beta_2 * u, |g|)
///     w -= learning_rate * m / ((1 - beta_1^t) * (u + epsilon))
struct AdamaxArgs {
  LearningRate learning_rate = 0.001;
  NYALA_ADAM_ARGS;
  NYALA_OPTIMIZER_ARGS;
  template <class A = AdamaxArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"beta_1", &A::beta_1, "Momentum of the mean gradient.", Range::from_0_to_1()},
        Field{"beta_2",
              &A::beta_2,
              "How slowly the largest gradient is forgotten.",
              Range::from_0_to_1()},
        Field{"epsilon", &A::epsilon, "Added to the norm.", Range::at_least(0)});
  }
};

/// Adam that looks ahead along its momentum (Dozat, 2016). m and v are Adam's;
///     c_t = beta_1 * (1 - 0.5 * 0.96^t)
///     p_t = c_1 * ... * c_t
///     m_hat = c_{t+1} * m / (1 - p_t * c_{t+1}) + (1 - c_t) * g / (1 - p_t)
///     w -= learning_rate * m_hat / (sqrt(v / (1 - beta_2^t)) + epsilon)
struct NadamArgs {
  LearningRate learning_rate = 0.001;
  NYALA_ADAM_ARGS;
  NYALA_OPTIMIZER_ARGS;
  template <class A = NadamArgs>
  static constexpr auto fields() {
    return adam_fields<A>();
  }
};

/// Adam's direction, with steps in proportion to the norm of each variable (You and others, 2019):
///     d = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
///     w -= learning_rate * |w| / |d| * d       (without the norms where one of them is 0)
struct LambArgs {
  LearningRate learning_rate = 0.001;
  NYALA_ADAM_ARGS;
  NYALA_OPTIMIZER_ARGS;
  template <class A = LambArgs>
  static constexpr auto fields() {
    return adam_fields<A>();
  }
};

/// The sign of a mix of gradient and momentum (Chen and others, 2023):
///     w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)
///     m = beta_2 * m + (1 - beta_2) * g
struct LionArgs {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.99;
  NYALA_OPTIMIZER_ARGS;
  template <class A = LionArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"beta_1",
              &A::beta_1,
              "Share of the momentum in the direction of a step.",
              Range{.min = 0, .max = 1, .open_min = true}},
        Field{"beta_2", &A::beta_2, "Momentum of the mean gradient.", Range::from_0_to_1()});
  }
};

/// "Follow the regularized leader" (McMahan and others, 2013).
struct FtrlArgs {
  LearningRate learning_rate = 0.001;
  double learning_rate_power = -0.5;
  double initial_accumulator_value = 0.1;
  double l1_regularization_strength = 0;
  double l2_regularization_strength = 0;
  double l2_shrinkage_regularization_strength = 0;
  double beta = 0;
  NYALA_OPTIMIZER_ARGS;
  template <class A = FtrlArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(Field{"learning_rate_power",
                                     &A::learning_rate_power,
                                     "Power of the sum of squares that the rate falls with.",
                                     Range{.max = 0}},
                               Field{"initial_accumulator_value",
                                     &A::initial_accumulator_value,
                                     "What the sums of squares start with.",
                                     Range::at_least(0)},
                               Field{"l1_regularization_strength",
                                     &A::l1_regularization_strength,
                                     "Pulls weights to 0.",
                                     Range::at_least(0)},
                               Field{"l2_regularization_strength",
                                     &A::l2_regularization_strength,
                                     "Shrinks weights.",
                                     Range::at_least(0)},
                               Field{"l2_shrinkage_regularization_strength",
                                     &A::l2_shrinkage_regularization_strength,
                                     "Shrinks by way of the gradient.",
                                     Range::at_least(0)},
                               Field{"beta", &A::beta, "Added to the root of the sum of squares."});
  }
};

/// Mean squares of the rows and of the columns of each matrix in place of one for each weight, and
/// steps in proportion to the weights (Shazeer and Stern, 2018). A gradient's norm takes all of it:
/// `lazy` is refused.
struct AdafactorArgs {
  LearningRate learning_rate = 0.001;
  double beta_2_decay = -0.8;
  double epsilon_1 = 1e-30;
  double epsilon_2 = 1e-3;
  double clip_threshold = 1.0;
  bool relative_step = true;
  NYALA_OPTIMIZER_ARGS;
  template <class A = AdafactorArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"beta_2_decay",
              &A::beta_2_decay,
              "Power of the step that the means forget with.",
              Range{.max = 0}},
        Field{"epsilon_1", &A::epsilon_1, "Added to squares.", Range::at_least(0)},
        Field{"epsilon_2", &A::epsilon_2, "Least size of weights.", Range::at_least(0)},
        Field{"clip_threshold",
              &A::clip_threshold,
              "Largest root of the mean square of a direction.",
              Range::positive()},
        Field{"relative_step",
              &A::relative_step,
              "Whether a constant learning rate falls with the root of the step."});
  }
};

/// Momentum made nearly orthogonal by Newton-Schulz steps, for matrices (Jordan and others, 2024;
/// Liu and others, 2025); Adam with weight decay for other variables, embeddings, and those whose
/// path a regular expression of `exclude_layers` finds. `lazy` is refused.
struct MuonArgs {
  LearningRate learning_rate = 0.001;
  double adam_beta_1 = 0.9;
  double adam_beta_2 = 0.999;
  std::optional<double> adam_weight_decay = 0.004;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = 0.004;
  NYALA_OPTIMIZER_ARGS_AFTER_DECAY;
  std::vector<std::string> exclude_layers = {};
  bool exclude_embeddings = true;
  double muon_a = 3.4445;
  double muon_b = -4.7750;
  double muon_c = 2.0315;
  double adam_lr_ratio = 1;
  double momentum = 0.95;
  int ns_steps = 5;
  bool nesterov = true;
  std::optional<double> rms_rate = 0.2;
  template <class A = MuonArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"adam_beta_1", &A::adam_beta_1, "Adam: of the mean gradient.", Range::from_0_to_1()},
        Field{"adam_beta_2", &A::adam_beta_2, "Adam: of the mean square.", Range::from_0_to_1()},
        Field{"epsilon", &A::epsilon, "Adam: added to the root.", Range::at_least(0)},
        Field{"exclude_layers", &A::exclude_layers, "Paths of variables that Adam trains."},
        Field{"muon_a", &A::muon_a, "Factor of x."},
        Field{"muon_b", &A::muon_b, "Factor of the third power of x."},
        Field{"muon_c", &A::muon_c, "Factor of the fifth power of x."},
        Field{"adam_lr_ratio", &A::adam_lr_ratio, "Adam's share of the learning rate."},
        Field{"momentum", &A::momentum, "Momentum of the mean gradient.", Range::from_0_to_1()},
        Field{"ns_steps", &A::ns_steps, "How many Newton-Schulz steps.", Range::at_least(0)},
        Field{"nesterov", &A::nesterov, "Whether to look ahead along the momentum."},
        Field{"exclude_embeddings",
              &A::exclude_embeddings,
              "Whether Adam trains variables with \"embedding\" in their path."},
        Field{"adam_weight_decay",
              &A::adam_weight_decay,
              "Adam: share of a variable that each step takes away.",
              Range::at_least(0)},
        Field{"rms_rate",
              &A::rms_rate,
              "What a step of one element is, times the root of the larger size."});
  }
};

/// Adam without a schedule: the variables are between the point that steps move and the mean of
/// such points (Defazio and others, 2024).
struct ScheduleFreeAdamWArgs {
  LearningRate learning_rate = 0.0025;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  int warmup_steps = 0;
  NYALA_OPTIMIZER_ARGS;
  template <class A = ScheduleFreeAdamWArgs>
  static constexpr auto fields() {
    return optimizer_fields<A>(
        Field{"beta_1",
              &A::beta_1,
              "Share of the mean in the variables.",
              Range{.min = 0, .max = 1, .open_min = true}},
        Field{"beta_2", &A::beta_2, "Momentum of the mean square.", Range::from_0_to_1()},
        Field{"epsilon", &A::epsilon, "Added to the root.", Range::at_least(0)},
        Field{"warmup_steps",
              &A::warmup_steps,
              "Over how many steps the learning rate rises.",
              Range::at_least(0)});
  }
};

/// The classes that users name, and how each is made.
#define OPTIMIZER(Class, name)                                  \
  std::shared_ptr<OptimizerBase> make_object(Class##Args args); \
  using Class = HandleOf<OptimizerBase, Class##Args, Optimizer>;
#include <nyala/models/optimizers/optimizers.def>
#undef OPTIMIZER

}  // namespace nyala::optimizers

#pragma GCC visibility pop
