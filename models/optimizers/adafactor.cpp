#include <nyala/core/ops.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What is computed once a step.
enum Key : int { kRate, kKeep };

Tensor root_mean_square(const Tensor& x) { return ops::sqrt(ops::mean(ops::square(x))); }

class AdafactorOptimizer final : public OptimizerOf<AdafactorArgs, AdafactorOptimizer> {
 public:
  static constexpr const char* kName = "Adafactor";
  explicit AdafactorOptimizer(AdafactorArgs args) : OptimizerOf(std::move(args)) {
    if (args_.lazy)
      throw ValueError("Adafactor: received lazy, which takes a gradient's rows apart");
  }

 private:
  struct Means {
    Variable rows, columns;  // scalars that nothing reads for variables of less than two axes
    Variable all;
  };

  void build_slots(const std::vector<Variable>& variables) override {
    for (const Variable& variable : variables) {
      Means means;
      Shape rows = variable.shape();
      if (rows.rank() < 2) {
        means.rows = unused(variable);
        means.columns = unused(variable);
      } else {
        Shape columns = rows;
        columns.erase(columns.rank() - 2);
        rows.erase(rows.rank() - 1);
        means.rows = add_state(variable.name(), ops::zeros(rows, {variable.dtype()}));
        means.columns = add_state(variable.name(), ops::zeros(columns, {variable.dtype()}));
      }
      means.all = add_slot({variable}, "velocity")[0];
      means_.push_back(std::move(means));
    }
  }
  // Keras keeps it, and files hold it.
  Variable unused(const Variable& variable) {
    Variable none(Tensor::scalar(0, DType::int32), {.trainable = false, .name = variable.name()});
    add_variable(none);
    return none;
  }

  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor slowest = step.once(kRate, [&] {
      const Tensor falling = 1.0 / ops::sqrt(step.number());
      return ops::minimum(step.learning_rate(), falling);
    });
    const Tensor alpha = ops::maximum(root_mean_square(w.variable()), args_.epsilon_2) * slowest;
    const Tensor square = w.map_gradient(ops::square) + args_.epsilon_1;
    const Tensor direction = w.gradient() / ops::sqrt(next_mean(step, w, square));
    const Tensor size = ops::maximum(root_mean_square(direction) / args_.clip_threshold, 1.0);
    w.variable().assign_sub(alpha * (direction / size));
  }
  // The moving mean of the squares: of a matrix, what those of its rows and columns say.
  Tensor next_mean(StepContext& step, const VariableUpdate& w, const Tensor& square) const {
    const Tensor keep =
        step.once(kKeep, [&] { return 1.0 - ops::power(step.number(), args_.beta_2_decay); });
    const auto moved = [&](const Variable& slot, const Tensor& now) {
      const VariableView mean = w.view(slot);
      Tensor next = keep * mean + (1.0 - keep) * now;
      mean.assign(next);
      return next;
    };
    const Means& means = means_[w.index()];
    if (square.rank() < 2) return moved(means.all, square);
    const Tensor rows = moved(means.rows, ops::mean(square, {.axis = -1}));
    const Tensor columns = moved(means.columns, ops::mean(square, {.axis = -2}));
    const Tensor share = rows / ops::mean(rows, {.axis = -1, .keepdims = true});
    Tensor all = ops::expand_dims(share, -1) * ops::expand_dims(columns, -2);
    w.view(means.all).assign(all);
    return all;
  }

  std::vector<Means> means_;
};

}  // namespace

NYALA_OPTIMIZER(Adafactor, AdafactorOptimizer)

}  // namespace nyala::optimizers
