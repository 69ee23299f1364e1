#include <nyala/autograd/graph/plan.hpp>

#include <nyala/autograd/graph/phases.hpp>

namespace nyala::graph {

Plan make_plan(const Tape& tape) {
  Views views = find_views(tape);
  LoopSteps loops = find_loop_steps(tape, views);
  for (;;) {
    Order order = order_steps(tape, views, loops);
    if (auto groups = fuse_steps(tape, views, order, loops))
      return place_values(tape, std::move(views), std::move(order), std::move(*groups));
  }
}

std::int64_t Group::num_partials(ReductionKind reduction) const {
  switch (reduction) {
    case ReductionKind::to_one: return tiles_across() * tiles_down();
    case ReductionKind::to_column: return tiles_across();
    case ReductionKind::to_row: return tiles_down();
    default: return 1;
  }
}

Tensors bare_tensors(const Tape& tape,
                     const std::vector<View>& views,
                     const std::vector<ValueId>& ids) {
  Tensors tensors;
  for (ValueId id : ids) {
    const Shape& strides = views[static_cast<std::size_t>(id)].strides;
    tensors.push_back(detail::bare_tensor(tape[id].spec, strides, nullptr));
  }
  return tensors;
}

}  // namespace nyala::graph
