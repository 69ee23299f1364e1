#include <nyala/autograd/graph/program.hpp>

#include <sys/single_threaded.h>

#include <nyala/autograd/graph/instance.hpp>

namespace nyala::graph {

Program::Program(const TensorFunction& f, const std::vector<Spec>& inputs)
    : tape_(trace(f, inputs)), num_traced_(tape_.steps.size()) {
  optimize(tape_);
  plan_ = std::make_unique<const Plan>(make_plan(tape_));
}

Program::~Program() { delete spare_.load(); }

namespace {

// Plain instructions while the process has one thread only: two locked ones would be a good part of
// a small program's run.
Instance* put_into(std::atomic<Instance*>& slot, Instance* instance) {
  if (!__libc_single_threaded) return slot.exchange(instance, std::memory_order_acq_rel);
  Instance* const old = slot.load(std::memory_order_relaxed);
  slot.store(instance, std::memory_order_relaxed);
  return old;
}

}  // namespace

std::unique_ptr<Instance> Program::take() const {
  if (Instance* instance = put_into(spare_, nullptr)) return std::unique_ptr<Instance>(instance);
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return std::make_unique<Instance>(tape_, *plan_);
  std::unique_ptr<Instance> instance = std::move(spares_.back());
  spares_.pop_back();
  return instance;
}

void Program::give_back(std::unique_ptr<Instance> instance) const {
  std::unique_ptr<Instance> other(put_into(spare_, instance.release()));
  if (other == nullptr) return;
  const std::lock_guard lock(mutex_);
  spares_.push_back(std::move(other));
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
