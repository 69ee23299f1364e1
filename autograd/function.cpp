#include <nyala/autograd/function.hpp>

namespace nyala::graph {

struct ProgramCache::Entry {
  std::vector<Spec> specs;
  std::unique_ptr<const Program> program;
  const Entry* next;

  bool fits(Inputs<Tensor> inputs) const {
    if (inputs.size() != specs.size()) return false;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!(inputs[i].spec() == specs[i])) return false;
    }
    return true;
  }
};

ProgramCache::~ProgramCache() {
  for (const Entry* entry = first_; entry != nullptr;) {
    const Entry* next = entry->next;
    delete entry;
    entry = next;
  }
}

bool ProgramCache::must_run_directly() {
  return detail::listeners().tracer != nullptr || detail::listeners().tape != nullptr;
}

const Program* ProgramCache::find(Inputs<Tensor> inputs) const {
  const Entry* entry = first_.load(std::memory_order_acquire);
  while (entry != nullptr && !entry->fits(inputs)) entry = entry->next;
  return entry == nullptr ? nullptr : entry->program.get();
}

const Program& ProgramCache::add(const TensorFunction& f, Inputs<Tensor> inputs) {
  const std::lock_guard lock(mutex_);
  if (const Program* program = find(inputs)) return *program;
  std::vector<Spec> specs;
  for (const Tensor& input : inputs) specs.push_back(input.spec());
  auto program = std::make_unique<const Program>(f, specs);
  const Program& added = *program;
  first_.store(new Entry{std::move(specs), std::move(program), first_}, std::memory_order_release);
  return added;
}

std::size_t ProgramCache::size() const {
  std::size_t count = 0;
  for (const Entry* entry = first_; entry != nullptr; entry = entry->next) ++count;
  return count;
}

}  // namespace nyala::graph
