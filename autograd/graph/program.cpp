#include <nyala/autograd/graph/program.hpp>

#include <algorithm>
#include <ostream>

namespace nyala::graph {
namespace {

std::size_t at(std::int32_t value) { return static_cast<std::size_t>(value); }

}  // namespace

void Program::drop_dead_steps() {
  std::vector<bool> needed(values_.size());
  for (std::int32_t value : outputs_) needed[at(value)] = true;
  for (const auto& [variable, value] : assigned_) needed[at(value)] = true;
  std::vector<Step> kept;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    Step& step = steps_[i];
    const bool used = std::any_of(
        step.outputs.begin(), step.outputs.end(), [&](std::int32_t v) { return needed[at(v)]; });
    if (!used) continue;
    for (std::int32_t value : step.inputs) needed[at(value)] = true;
    kept.push_back(std::move(step));
  }
  std::reverse(kept.begin(), kept.end());
  steps_ = std::move(kept);
}

void Program::find_last_uses() {
  std::vector<bool> used(values_.size());
  for (std::int32_t value : outputs_) used[at(value)] = true;
  for (const auto& [variable, value] : assigned_) used[at(value)] = true;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    Step& step = steps_[i];
    const auto release = [&](std::int32_t value) {
      if (!used[at(value)]) step.last_uses.push_back(value);
      used[at(value)] = true;
    };
    for (std::int32_t value : step.outputs) release(value);
    for (std::int32_t value : step.inputs) release(value);
  }
}

std::vector<Tensor> Program::run(const std::vector<Tensor>& inputs) const {
  std::vector<Tensor> values(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Source& source = values_[i];
    switch (source.kind) {
      case Source::Kind::step: break;
      case Source::Kind::input: values[i] = inputs[source.input]; break;
      case Source::Kind::constant: values[i] = source.constant; break;
      case Source::Kind::variable: values[i] = detail::concrete_value(source.variable); break;
    }
  }
  Tensors arguments;
  Tensors results;
  for (const Step& step : steps_) {
    arguments.clear();
    results.clear();
    for (std::int32_t value : step.inputs) arguments.push_back(values[at(value)]);
    const OpDef& def = step.op.def();
    for (const Spec& spec : step.specs) {
      results.push_back(def.aliases ? Tensor() : Tensor::empty(spec.shape, spec.dtype));
    }
    def.forward(step.op.options(),
                Inputs<Tensor>(arguments.data(), arguments.size()),
                std::span<Tensor>(results.data(), results.size()));
    for (std::size_t i = 0; i < results.size(); ++i) {
      values[at(step.outputs[i])] = std::move(results[i]);
    }
    for (std::int32_t value : step.last_uses) values[at(value)] = Tensor();
  }
  for (const auto& [variable, value] : assigned_) variable.assign(values[at(value)]);
  std::vector<Tensor> outputs;
  for (std::int32_t value : outputs_) {
    const Tensor& output = values[at(value)];
    // Not the variable's or the caller's own tensor: a mask or a tape must not see it as that.
    outputs.push_back(Tensor::strided(output, output.shape(), output.strides(), 0));
  }
  return outputs;
}

void Program::print(std::ostream& out) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Source& source = values_[i];
    switch (source.kind) {
      case Source::Kind::step: break;
      case Source::Kind::input: out << '%' << i << " = input " << source.input << '\n'; break;
      case Source::Kind::constant:
        out << '%' << i << " = constant " << source.constant.shape() << '\n';
        break;
      case Source::Kind::variable:
        out << '%' << i << " = variable " << source.variable.name() << '\n';
        break;
    }
  }
  const auto put = [&](const std::vector<std::int32_t>& values) {
    for (const char* comma = ""; std::int32_t value : values) {
      out << std::exchange(comma, ", ") << '%' << value;
    }
  };
  for (const Step& step : steps_) {
    put(step.outputs);
    out << " = " << step.op.def().name << '(';
    put(step.inputs);
    out << ')';
    const Config config = step.op.def().config(step.op.options());
    if (config.size() > 0) out << ' ' << config.str();
    out << " : " << step.specs[0].dtype << step.specs[0].shape << '\n';
  }
  for (const auto& [variable, value] : assigned_) {
    out << "assign " << variable.name() << " = %" << value << '\n';
  }
}

}  // namespace nyala::graph
