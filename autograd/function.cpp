#include <nyala/autograd/function.hpp>

namespace nyala::graph {
namespace {

std::string signature_of(const std::vector<Tensor>& inputs) {
  std::string text;
  for (const Tensor& input : inputs) {
    const auto put = [&](std::int64_t number) {
      text.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    put(static_cast<std::int64_t>(input.dtype()));
    put(input.rank());
    for (std::int64_t size : input.shape()) put(size);
  }
  return text;
}

}  // namespace

bool ProgramCache::must_run_directly() {
  return detail::listeners().tracer != nullptr || detail::listeners().tape != nullptr;
}

std::shared_ptr<const Program> ProgramCache::get(const TensorFunction& f,
                                                 const std::vector<Tensor>& inputs) {
  const std::string signature = signature_of(inputs);
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(signature);
  if (found != programs_.end()) return found->second;
  std::vector<Spec> specs;
  for (const Tensor& input : inputs) specs.push_back(input.spec());
  auto program = Program::trace(f, specs);
  programs_.emplace(signature, program);
  return program;
}

std::size_t ProgramCache::size() const {
  const std::lock_guard lock(mutex_);
  return programs_.size();
}

}  // namespace nyala::graph
