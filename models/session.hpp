#pragma once
/// Session: a model that is run on a sequence as it comes, a step or a block at a time.
#include <cstdint>
#include <memory>
#include <vector>

#include <nyala/models/model.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Runs a model along axis 1 of its inputs, (batch, steps, ...), in inference. Recurrent layers
/// keep their states between calls, causal and "valid" convolutions and pooling over steps keep the
/// steps that their next windows need; what the calls give, one behind the other, is what the model
/// gives for the whole sequence. A recurrent layer without `return_sequences` gives its output so
/// far, and layers behind it run on that. Masks that layers make go from block to block. An input
/// that only the `initial_state` of recurrent layers is made of has no steps: it is given as it is,
/// and counts where the sequence begins.
///
///   Session session(model);
///   Tensor y = session.step(x);  // x: (1, features), or (1, steps, features)
///   session.reset();
///
/// A session has states of its own and reads the model's weights as they are at each call. Calls
/// allocate nothing once they have been made with blocks of the same size. A session is for one
/// thread at a time; several of one model may run on several threads.
/// Calls on one that was moved from throw StateError.
class Session {
 public:
  /// Throws UnsupportedError, naming the layer, where an output depends on steps to come or on all
  /// steps at once (attention, global pooling, Bidirectional, padding "same"), StateError for a
  /// model that is not built, ValueError for a batch below 1.
  explicit Session(const Model& model, std::int64_t batch = 1);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// What the next block, (batch, steps, ...), or step, (batch, ...), gives: as many steps as are
  /// complete now, or one. Undefined where none is: strides and first windows wait for more steps.
  /// Throws ShapeError for another shape, StateError for a model of several inputs or outputs and
  /// inside a traced function; the session is then as it was.
  Tensor step(const Tensor& x);
  /// The same for several inputs, each with as many steps, and all outputs.
  std::vector<Tensor> step_all(const std::vector<Tensor>& inputs);
  /// Starts a new sequence.
  void reset();
  /// How many steps have come since the start.
  std::int64_t num_steps() const;
  std::int64_t batch() const;

 private:
  struct State;
  State& state(const char* call) const;

  std::unique_ptr<State> state_;
};

}  // namespace nyala

#pragma GCC visibility pop
