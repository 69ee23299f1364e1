#include <nyala/autograd/backward.hpp>

#include <string>

namespace nyala::detail {
namespace {

void fill_missing(const Record& record, Tensors& dys) {
  dys.resize(record.outputs.size());
  if (record.has_op && record.op.def().partial_gradients) return;
  for (std::size_t i = 0; i < dys.size(); ++i) {
    if (!dys[i].defined()) dys[i] = ops::zeros_like(record.outputs[i]);
  }
}

// The gradients that a function of the user's gives, checked as an op's are by its rules.
Grads custom_backward(const Record& record, const Tensor& dy, const bool* wanted) {
  const std::vector<Tensor> given = (*record.custom)(dy);
  if (given.size() != record.inputs.size()) {
    throw ValueError("custom_gradient: its gradient function returned " +
                     std::to_string(given.size()) + " gradients for " +
                     std::to_string(record.inputs.size()) + " inputs");
  }
  Grads grads;
  for (std::size_t i = 0; i < given.size(); ++i) {
    grads.push_back(given[i]);
    if (!wanted[i] || !given[i].defined()) continue;
    const Spec& input = record.inputs[i].spec();
    const std::string which = "custom_gradient: its gradient function returned for input " +
                              std::to_string(i) + " a gradient of ";
    if (given[i].shape() != input.shape) {
      throw ShapeError(which + "shape " + given[i].shape().str() + ", expected the input's, " +
                       input.shape.str());
    }
    if (given[i].dtype() != input.dtype) {
      throw TypeError(which + "dtype " + std::string(name_of(given[i].dtype())) +
                      ", expected the input's, " + std::string(name_of(input.dtype)));
    }
  }
  return grads;
}

}  // namespace

bool add_rows(const Record& record, const Tensor& dy, const bool* wanted, IndexedSlices& slices) {
  const OpDef& def = record.op.def();
  if (def.indexed_vjp == nullptr) return false;
  const Saved saved(Inputs<Tensor>(record.inputs.data(), record.inputs.size()),
                    Inputs<Tensor>(record.outputs.data(), record.outputs.size()),
                    wanted);
  Tensor values;
  Tensor indices;
  if (!def.indexed_vjp(record.op.options(), saved, dy, values, indices)) return false;
  const auto join = [](Tensor& all, const Tensor& more) {
    all = all.defined() ? ops::concatenate({all, more}, {.axis = 0}) : more;
  };
  join(slices.values, values);
  join(slices.indices, indices);
  return true;
}

Grads backward(const Record& record, Tensors& dys, const bool* wanted) {
  fill_missing(record, dys);
  if (record.custom != nullptr) return custom_backward(record, dys[0], wanted);
  const OpDef& def = record.op.def();
  if (!def.differentiable) throw ValueError("op \"" + std::string(def.name) + "\" has no gradient");
  const Saved saved(Inputs<Tensor>(record.inputs.data(), record.inputs.size()),
                    Inputs<Tensor>(record.outputs.data(), record.outputs.size()),
                    wanted);
  return def.vjp(record.op.options(), saved, Inputs<Tensor>(dys.data(), dys.size()));
}

}  // namespace nyala::detail
