#pragma once
/// The op of a scan and its gradient. Not part of the public API.
#include <memory>
#include <vector>

#include <nyala/autograd/control_flow/scan.hpp>
#include <nyala/autograd/graph/body.hpp>
#include <nyala/core/op.hpp>

namespace nyala::detail {

/// A step of a scan's gradient that reads what the steps themselves left for it.
struct ScanBackward {
  std::shared_ptr<const graph::Body> body;
  std::size_t num_outputs;  ///< of the scan as it was asked for; behind them is what steps left
  std::vector<std::size_t> carried, along, fixed;  ///< inputs with a gradient
  std::vector<std::size_t> flowing;                ///< results with a gradient
  // What the body reads beside gradients: outputs of the scan, and inputs.
  std::vector<std::size_t> left, xs, same;
};

/// Inputs: the carry, xs along a first axis, what stays the same. Outputs: the last carry, the
/// results along a first axis, and the carry before each step where it `keeps` them.
struct Scan {
  static constexpr std::string_view name = "scan";
  static constexpr std::string_view doc = "A loop whose body is a tape.";
  static constexpr Saves saves = Saves::both;
  static constexpr bool partial_gradients = true;
  static constexpr bool moves = true;  // of any dtype: the body's ops see to theirs

  std::shared_ptr<const graph::Body> body = nullptr;
  std::shared_ptr<const ScanBackward> backward = nullptr;
  std::int64_t body_id = 0;
  std::int64_t num_carries = 0;
  std::int64_t num_xs = 0;
  std::int64_t length = 0;
  bool reverse = false;
  bool keeps = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"body", &Scan::body_id, "Which body."},
        Field{"carries", &Scan::num_carries, "How many tensors go from step to step."},
        Field{"xs", &Scan::num_xs, "How many tensors it goes along."},
        Field{"length", &Scan::length, "The number of steps."},
        Field{"reverse", &Scan::reverse, "Whether it starts at the last step."},
        Field{"keeps", &Scan::keeps, "Whether it gives the carry before each step."}};
  }

  std::size_t carries() const { return static_cast<std::size_t>(num_carries); }
  std::size_t xs() const { return static_cast<std::size_t>(num_xs); }
  std::size_t first_fixed() const { return carries() + xs(); }

  Specs infer(Inputs<Spec> in) const;
  Kernel prepare(const Layouts& layouts, Workspace&) const;
  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const;
  static std::vector<SampleOf<Scan>> samples() { return {}; }

  /// What a run works with: kept from run to run, so that none allocates.
  struct Work {
    Tensors inputs;
    Tensors step;  ///< the body's inputs
    Tensors made;  ///< its outputs
  };

 private:
  void run(Work& work, void* const* outputs) const;
  Grads vjp_by_left(const Saved& saved, Inputs<Tensor> dys) const;
  Grads vjp_anew(const Saved& saved, Inputs<Tensor> dys) const;
  std::vector<Tensor> kept_carries(const Saved& saved) const;
};

/// Runs a body as a scan over these inputs, with what its gradient will read where a tape records.
/// Gives the body's outputs.
Tensors run_scan(const std::shared_ptr<const graph::Body>& body, const ScanInputs& inputs);
/// The same body with further outputs, and the gradient that reads them; for those inputs that
/// `wants` flags.
struct PreparedScan {
  std::shared_ptr<const graph::Body> body;
  std::shared_ptr<const ScanBackward> backward;
};
PreparedScan prepare_scan(const graph::Body& body,
                          std::size_t num_carries,
                          std::size_t num_xs,
                          const std::vector<bool>& wants);

}  // namespace nyala::detail
