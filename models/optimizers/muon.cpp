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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    if (velocities_[index].defined())
      adam_step(gradient, variable, rate * args_.adam_lr_ratio, index);
    else
      muon_step(gradient, variable, rate, index);
  }
  void adam_step(const Tensor& gradient,
                 const Variable& variable,
                 const Tensor& rate,
                 std::size_t index) {
    const DType dtype = variable.dtype();
    const Tensor alpha = once(kAlpha, dtype, [&] {
      const Tensor step = step_number(dtype);
      return rate * ops::sqrt(1.0 - ops::power(args_.adam_beta_2, step)) /
             (1.0 - ops::power(args_.adam_beta_1, step));
    });
    const Tensor m = ops::lerp(momentums_[index], gradient, 1 - args_.adam_beta_1);
    const Tensor v =
        ops::lerp(velocities_[index], map_gradient(gradient, ops::square), 1 - args_.adam_beta_2);
    assign(momentums_[index], m);
    assign(velocities_[index], v);
    assign(variable, ops::root_step(variable, m, v, alpha, args_.epsilon));
  }
  void muon_step(const Tensor& gradient,
                 const Variable& variable,
                 const Tensor& rate,
                 std::size_t index) {
    const Tensor old = momentums_[index];
    const Tensor m = old + (gradient + old * (args_.momentum - 1));
    assign(momentums_[index], m);
    const Tensor direction = orthogonal(args_.nesterov ? gradient + m * args_.momentum : m);
    Tensor step = rate * direction;
    if (args_.rms_rate) {
      const auto larger = std::max(variable.shape()[0], variable.shape()[1]);
      step = step * std::sqrt(static_cast<double>(larger)) * *args_.rms_rate;
    }
    assign_sub(variable, step);
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

std::shared_ptr<OptimizerBase> make_object(MuonArgs args) {
  return std::make_shared<MuonOptimizer>(std::move(args));
}

}  // namespace nyala::optimizers
