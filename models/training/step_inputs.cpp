// The inputs of a step: from what the caller gives to the tensors that a program takes, and back.
#include <algorithm>

#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

void check_weight_of_all(const Tensor& weight) {
  if (weight.rank() < 2 || (weight.rank() == 2 && weight.shape()[1] == 1)) return;
  throw ValueError(
      "For a model with multiple outputs, when providing a single `sample_weight` array, it "
      "should only have one scalar score per sample (i.e. shape `(num_samples,)`). If you want "
      "to use non-scalar sample weights, pass a `sample_weight` argument with one array per "
      "model output.");
}

// As they were given, or in the order of the model's names, which are put into `room`.
const Tensors& in_order(const Data& data,
                        const std::vector<std::string>& names,
                        const char* what,
                        Tensors& room) {
  if (!data.is_named()) return data.tensors();
  return room = data.in_order(names, what);
}

}  // namespace

StepInputs Trainer::StepSignature::inputs(Inputs<Tensor> tensors) const {
  StepInputs data;
  std::size_t place = 0, next = 0;
  const std::array<std::vector<Tensor>*, 3> parts{&data.x, &data.y, &data.sample_weight};
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < sizes[part]; ++i, ++place) {
      const bool is_there = std::find(missing.begin(), missing.end(), place) == missing.end();
      parts[part]->push_back(is_there ? tensors[next++] : Tensor());
    }
  }
  if (std::none_of(data.y.begin(), data.y.end(), [](const Tensor& t) { return t.defined(); }))
    data.y.clear();
  return data;
}

Trainer::FlatInputs Trainer::flatten(const Parts& batch, const char* who, bool with_targets) const {
  const ModelNames& names = programs_->names;
  const auto refuse = [&](const std::string& what) {
    throw ValueError(layer_.label() + ": " + who + " was given " + what);
  };
  FlatInputs flat;
  Tensors room;
  const Tensor none;
  const Tensors& x = in_order(batch.x, names.inputs, "input", room);
  if (x.empty()) refuse("no input");
  if (names.inputs_are_dict && !batch.x.is_named() &&
      (!batch.x.is_single() || x.size() != 1 || names.inputs.size() != 1)) {
    refuse(std::string(batch.x.is_single() ? "one tensor" : "a list") +
           ", but its inputs are a dict with the keys " + detail::python_list(names.inputs) +
           "; give data by key");
  }
  if (!names.inputs.empty() && x.size() != names.inputs.size()) {
    refuse(std::to_string(x.size()) + " inputs, expected " + std::to_string(names.inputs.size()));
  }
  for (const Tensor& input : x) {
    if (!input.defined()) refuse("an undefined tensor");
    flat.add(FlatInputs::kInputs, input);
  }
  if (!with_targets) return flat;

  const std::size_t outputs = programs_->num_outputs;
  const Tensors& y = in_order(batch.y, names.outputs, "output", room);
  if (y.size() > outputs) {
    refuse(std::to_string(y.size()) + " targets for " + std::to_string(outputs) + " outputs");
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    const bool is_there = i < y.size() && y[i].defined();
    if (!is_there && (compiled_->loss.uses(i) || compiled_->metrics.uses(i)))
      refuse("no target for output " + std::to_string(i) + ", which has a loss or a metric");
    flat.add(FlatInputs::kTargets, is_there ? y[i] : none);
  }
  if (batch.sample_weight.empty()) return flat;
  const Tensors& weights = in_order(batch.sample_weight, names.outputs, "output", room);
  const bool one_for_all = weights.size() == 1 && outputs > 1;
  if (one_for_all) check_weight_of_all(weights[0]);
  if (!one_for_all && weights.size() != outputs) {
    refuse(std::to_string(weights.size()) + " tensors of sample weights for " +
           std::to_string(outputs) + " outputs");
  }
  for (std::size_t i = 0; i < outputs; ++i)
    flat.add(FlatInputs::kWeights, weights[one_for_all ? 0 : i]);
  return flat;
}

}  // namespace nyala
