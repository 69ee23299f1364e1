#include <nyala/autograd/control_flow/scan_op.hpp>

#include <memory>

#include <nyala/autograd/graph/plan.hpp>
#include <nyala/autograd/graph/spare.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala::detail {
namespace {

std::int64_t bytes_of(const Tensor& x) { return static_cast<std::int64_t>(x.nbytes()); }

Shape stacked(const Shape& step, std::int64_t length) {
  Shape shape = step;
  shape.insert(0, length);
  return shape;
}

}  // namespace

Specs Scan::infer(Inputs<Spec> in) const {
  const std::vector<Spec>& wanted = body->inputs();
  if (in.size() != wanted.size()) {
    throw ValueError("scan: received " + std::to_string(in.size()) + " inputs, expected " +
                     std::to_string(wanted.size()));
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    const bool is_x = i >= carries() && i < carries() + xs();
    ops::expect_spec(
        name, in[i], is_x ? stacked(wanted[i].shape, length) : wanted[i].shape, wanted[i].dtype);
  }
  const std::vector<Spec>& made = body->outputs();
  Specs out;
  for (std::size_t i = 0; i < made.size(); ++i)
    out.push_back(i < carries() ? made[i] : Spec{stacked(made[i].shape, length), made[i].dtype});
  for (std::size_t i = 0; keeps && i < carries(); ++i)
    out.push_back({stacked(made[i].shape, length), made[i].dtype});
  return out;
}

void Scan::run(Work& work, void* const* outputs) const {
  const std::vector<Spec>& specs = body->inputs();
  const graph::Program& program = body->program();
  const std::size_t first_x = carries(), end_x = first_x + xs(),
                    first_kept = body->outputs().size();
  Tensors& step = work.step;
  for (const Tensor& input : work.inputs) step.push_back(input);
  for (std::size_t i = first_x; i < end_x; ++i)
    step[i] = bare_tensor(specs[i], contiguous_strides(specs[i].shape), nullptr);
  for (std::int64_t s = 0; s < length; ++s) {
    const std::int64_t t = reverse ? length - 1 - s : s;
    const auto put = [&](std::size_t output, const Tensor& x) {
      graph::copy_to(static_cast<std::byte*>(outputs[output]) + t * bytes_of(x), x);
    };
    for (std::size_t i = first_x; i < end_x; ++i)
      step[i].impl()->data = work.inputs[i].impl()->data + t * bytes_of(step[i]);
    for (std::size_t i = 0; keeps && i < first_x; ++i) put(first_kept + i, step[i]);
    work.made.clear();
    program.replay({step.data(), step.size()}, work.made);
    for (std::size_t i = 0; i < first_x; ++i) step[i] = std::move(work.made[i]);
    for (std::size_t i = first_x; i < first_kept; ++i) put(i, work.made[i]);
  }
  for (std::size_t i = 0; i < first_x; ++i) graph::copy_to(outputs[i], step[i]);
  work.made.clear();
  step.clear();
  work.inputs.clear();
}

Kernel Scan::prepare(const Layouts& layouts, Workspace&) const {
  std::vector<Spec> specs;
  for (const Tensor& x : layouts.in) specs.push_back(x.spec());
  return [op = *this, specs = std::move(specs), spare = std::make_shared<graph::Spare<Work>>()](
             const void* const* from, void* const* to) {
    // A caller that comes meanwhile makes its own.
    std::unique_ptr<Work> work = spare->take();
    if (work == nullptr) work = std::make_unique<Work>();
    for (std::size_t i = 0; i < specs.size(); ++i) {
      auto* const data = static_cast<std::byte*>(const_cast<void*>(from[i]));
      work->inputs.push_back(bare_tensor(specs[i], contiguous_strides(specs[i].shape), data));
    }
    op.run(*work, to);
    spare->put(std::move(work));
  };
}

}  // namespace nyala::detail
