#pragma once
/// What the handles of a program share. Not installed.
#include <memory>
#include <mutex>
#include <vector>

#include <nyala/autograd/graph/instance.hpp>
#include <nyala/autograd/graph/program.hpp>
#include <nyala/autograd/graph/spare.hpp>

namespace nyala::graph {

struct Program::State {
  State(const TensorFunction& f, const std::vector<Spec>& specs);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void run(Inputs<Tensor> arguments, Tensors& outputs) const;

  std::vector<Spec> inputs;
  Tape tape;
  std::size_t num_traced;
  Plan plan;

 private:
  std::unique_ptr<Instance> take() const;
  void give_back(std::unique_ptr<Instance> instance) const noexcept;

  // Instances that no thread uses: one at hand without a lock, more in a list.
  mutable Spare<Instance> spare_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Instance>> spares_;
};

}  // namespace nyala::graph
