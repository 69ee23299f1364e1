#include <algorithm>
#include <cmath>
#include <regex>

#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What is computed once a step.
enum Key : int { kAlpha };

class MuonOptimizer final : public OptimizerOf<MuonArgs, MuonOptimizer> {
 public:
  static constexpr const char* kName = "Muon";
  explicit MuonOptimizer(MuonArgs args) : OptimizerOf(std::move(args)) {
    if (args_.lazy) throw ValueError("Muon: received lazy, which takes a gradient's rows apart");
    for (const std::string& pattern : args_.exclude_layers) excluded_.push_back(compiled(pattern));
  }

 private:
  static std::regex compiled(const std::string& pattern) try {
    return std::regex(pattern);
  } catch (const std::regex_error&) {
    throw ValueError("Muon: received exclude_layers = \"" + pattern +
                     "\", expected regular expressions");
  }
  bool is_adams(const Variable& variable) const {
    if (variable.shape().rank() != 2) return true;
    std::string path = variable.path();
    const auto found = [&](const std::regex& pattern) { return std::regex_search(path, pattern); };
    if (std::any_of(excluded_.begin(), excluded_.end(), found)) return true;
    std::transform(path.begin(), path.end(), path.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    return args_.exclude_embeddings && path.find("embedding") != std::string::npos;
  }
  std::optional<double> weight_decay_of(const Variable& variable) const override {
    return is_adams(variable) ? args_.adam_weight_decay : args_.weight_decay;
  }

  void build_slots(const std::vector<Variable>& variables) override {
    for (const Variable& variable : variables) {
      momentums_.push_back(add_slot({variable}, "momentum")[0]);
      velocities_.push_back(is_adams(variable) ? add_slot({variable}, "velocity")[0] : Variable());
    }
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    if (velocities_[w.index()].defined())
      adam_step(step, w);
    else
      muon_step(step, w);
  }
  void adam_step(StepContext& step, const VariableUpdate& w) {
    const Tensor alpha = step.once(kAlpha, [&] {
      const Tensor rate = step.learning_rate() * args_.adam_lr_ratio, t = step.number();
      return rate * ops::sqrt(1.0 - ops::power(args_.adam_beta_2, t)) /
             (1.0 - ops::power(args_.adam_beta_1, t));
    });
    const VariableView old_m = w.slot(momentums_), old_v = w.slot(velocities_);
    const Tensor m = ops::lerp(old_m, w.gradient(), 1 - args_.adam_beta_1);
    const Tensor v = ops::lerp(old_v, w.map_gradient(ops::square), 1 - args_.adam_beta_2);
    old_m.assign(m);
    old_v.assign(v);
    w.variable().assign(ops::root_step(w.variable(), m, v, alpha, args_.epsilon));
  }
  void muon_step(StepContext& step, const VariableUpdate& w) {
    const Tensor& g = w.gradient();
    const VariableView momentum = w.slot(momentums_);
    const Tensor old = momentum;
    const Tensor m = old + (g + old * (args_.momentum - 1));
    momentum.assign(m);
    Tensor descent = step.learning_rate() * orthogonal(args_.nesterov ? g + m * args_.momentum : m);
    if (args_.rms_rate) {
      const auto larger = std::max(g.shape()[0], g.shape()[1]);
      descent = descent * std::sqrt(static_cast<double>(larger)) * *args_.rms_rate;
    }
    w.variable().assign_sub(descent);
  }
  // U V^T of x = U S V^T, nearly: each step brings the singular values closer to 1.
  Tensor orthogonal(const Tensor& x) const {
    const bool is_tall = x.shape()[0] > x.shape()[1];
    Tensor y = is_tall ? ops::transpose(x) : x;
    y = y / (ops::sqrt(ops::sum(ops::square(y))) + 1e-7);
    for (int step = 0; step < args_.ns_steps; ++step) {
      const Tensor square = ops::matmul(y, ops::transpose(y));
      const Tensor both = square * args_.muon_b + ops::matmul(square * args_.muon_c, square);
      y = y * args_.muon_a + ops::matmul(both, y);
    }
    return is_tall ? ops::transpose(y) : y;
  }

  std::vector<std::regex> excluded_;
  std::vector<Variable> momentums_;
  std::vector<Variable> velocities_;  // of the variables that Adam trains
};

}  // namespace

NYALA_OPTIMIZER(Muon, MuonOptimizer)

}  // namespace nyala::optimizers
