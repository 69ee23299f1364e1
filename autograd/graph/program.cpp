#include <nyala/autograd/graph/program.hpp>

#include <mutex>

#include <nyala/autograd/graph/program_state.hpp>
#include <nyala/autograd/guard.hpp>

namespace nyala::graph {
namespace {

void check_inputs(const std::vector<Spec>& wanted, Inputs<Tensor> inputs) {
  if (inputs.size() != wanted.size()) {
    throw ValueError("Program: received " + std::to_string(inputs.size()) + " inputs, expected " +
                     std::to_string(wanted.size()));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto which = [i] { return "Program: input " + std::to_string(i); };
    if (!inputs[i].defined()) throw StateError(which() + " is an undefined tensor");
    if (inputs[i].is_abstract()) throw StateError(which() + " is an abstract tensor");
    if (inputs[i].shape() != wanted[i].shape) {
      throw ShapeError(which() + " has shape " + inputs[i].shape().str() + ", expected " +
                       wanted[i].shape.str());
    }
    if (inputs[i].dtype() != wanted[i].dtype) {
      throw TypeError(which() + " has dtype " + std::string(name_of(inputs[i].dtype())) +
                      ", expected " + std::string(name_of(wanted[i].dtype)));
    }
  }
}

}  // namespace

Program::State::State(const TensorFunction& f, const std::vector<Spec>& specs)
    : inputs(specs), tape(trace(f, specs)), num_traced(tape.steps.size()) {
  optimize(tape);
  plan = make_plan(tape);
}

std::unique_ptr<Instance> Program::State::take() const {
  if (std::unique_ptr<Instance> instance = spare_.take()) return instance;
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      std::unique_ptr<Instance> instance = std::move(spares_.back());
      spares_.pop_back();
      return instance;
    }
  }
  return std::make_unique<Instance>(tape, plan);
}

void Program::State::give_back(std::unique_ptr<Instance> instance) const noexcept {
  std::unique_ptr<Instance> other = spare_.put(std::move(instance));
  if (other == nullptr) return;
  const std::lock_guard lock(mutex_);
  try {
    spares_.push_back(std::move(other));
  } catch (const std::bad_alloc&) {
    // One instance less: the next run that needs it makes another.
  }
}

void Program::State::run(Inputs<Tensor> arguments, Tensors& outputs) const {
  std::unique_ptr<Instance> instance = take();
  instance->run(arguments, outputs);
  give_back(std::move(instance));
}

Program::Program(const TensorFunction& f, const std::vector<Spec>& inputs) {
  if (!f) throw ValueError("function: received an empty function");
  detail::guard_memory([&] { state_ = std::make_shared<const State>(f, inputs); });
}

const Program::State& Program::state() const {
  if (state_ == nullptr) [[unlikely]]
    throw StateError("Program: an empty program was used");
  return *state_;
}

void Program::run(Inputs<Tensor> inputs, Tensors& outputs) const {
  detail::guard_memory([&] {
    check_inputs(state().inputs, inputs);
    state_->run(inputs, outputs);
  });
}

void Program::replay(Inputs<Tensor> inputs, Tensors& outputs) const {
  detail::guard_memory([&] { state_->run(inputs, outputs); });
}

ProgramStats Program::stats() const {
  const State& all = state();
  return {all.num_traced, all.tape.steps.size(), all.plan.groups.size(), all.plan.arena_bytes};
}

}  // namespace nyala::graph
