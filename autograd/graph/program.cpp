#include <nyala/autograd/graph/program.hpp>

#include <nyala/autograd/graph/instance.hpp>

namespace nyala::graph {

Program::Program(const TensorFunction& f, const std::vector<Spec>& inputs)
    : tape_(trace(f, inputs)), num_traced_(tape_.steps.size()) {
  optimize(tape_);
  plan_ = std::make_unique<const Plan>(make_plan(tape_));
}

Program::~Program() { delete spare_.load(); }

std::unique_ptr<Instance> Program::take() const {
  if (Instance* instance = spare_.exchange(nullptr, std::memory_order_acquire))
    return std::unique_ptr<Instance>(instance);
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return std::make_unique<Instance>(tape_, *plan_);
  std::unique_ptr<Instance> instance = std::move(spares_.back());
  spares_.pop_back();
  return instance;
}

void Program::give_back(std::unique_ptr<Instance> instance) const {
  Instance* none = nullptr;
  if (spare_.compare_exchange_strong(none, instance.get(), std::memory_order_release)) {
    static_cast<void>(instance.release());
    return;
  }
  const std::lock_guard lock(mutex_);
  spares_.push_back(std::move(instance));
}

void Program::run(Inputs<Tensor> inputs, Tensors& outputs) const {
  std::unique_ptr<Instance> instance = take();
  instance->run(inputs, outputs);
  give_back(std::move(instance));
}

ProgramStats Program::stats() const {
  return {num_traced_, tape_.steps.size(), plan_->units.size(), plan_->arena_bytes};
}

}  // namespace nyala::graph
