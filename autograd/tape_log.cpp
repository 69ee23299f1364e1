#include <nyala/autograd/tape_log.hpp>

#include <algorithm>
#include <atomic>

#include <nyala/autograd/guard.hpp>

namespace nyala::detail {
namespace {

// A tensor of which only the spec is left. Small ones are kept whole: that is cheaper.
Tensor spec_only(const Tensor& tensor) {
  if (tensor.is_abstract() || tensor.nbytes() <= 4096) return tensor;
  return Tensor::abstract(tensor.shape(), tensor.dtype());
}

std::int64_t next_range() {
  static std::atomic<std::int64_t> threads{0};
  return threads.fetch_add(1, std::memory_order_relaxed) << TapeLog::kThreadShift;
}

}  // namespace

void Record::reset() {
  op = AnyOp();
  has_op = false;
  variable = 0;
  custom.reset();
  nodes.clear();
  slots.clear();
  inputs.clear();
  outputs.clear();
}

TapeLog::TapeLog() : first_(next_range()) {}

TapeLog& TapeLog::mine() {
  thread_local TapeLog log;
  return log;
}

Record& TapeLog::at(std::int64_t node) {
  const std::int64_t i = node - first_;
  return (*chunks_[static_cast<std::size_t>(i / kChunk)])[static_cast<std::size_t>(i % kChunk)];
}

Record& TapeLog::append() {
  if (size_ == static_cast<std::int64_t>(chunks_.size()) * kChunk) {
    chunks_.push_back(std::make_unique<std::array<Record, kChunk>>());
  }
  ++size_;
  listeners().end_node = end();
  return at(end() - 1);
}

void TapeLog::note_inputs(Record& record, Inputs<Tensor> inputs, bool read) {
  for (const Tensor& input : inputs) {
    std::int64_t node = node_of(input);
    record.slots.push_back(node < 0 ? std::uint16_t{0} : input.impl()->output);
    if (node < 0 && input.impl()->variable != 0) node = node_of_variable(input.impl()->variable);
    record.nodes.push_back(node);
    record.inputs.push_back(read ? input : spec_only(input));
  }
}

template <class F>
void TapeLog::record(Inputs<Tensor> inputs, std::span<Tensor> outputs, F&& fill) {
  guard_memory([&] {
    for (const Tensor& input : inputs) {
      if (input.impl()->variable != 0 && node_of(input) < 0) watch_variable(input.impl()->variable);
    }
    const std::int64_t node = end();
    Record& record = append();
    try {
      fill(record);
    } catch (...) {
      record.reset();  // an empty record: nothing leads to it
      throw;
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].impl()->node = node;
      outputs[i].impl()->output = static_cast<std::uint16_t>(i);
    }
  });
}

void TapeLog::on_op(const OpDef& def,
                    const void* options,
                    Inputs<Tensor> inputs,
                    std::span<Tensor> outputs) {
  const auto floats = [](const Tensor& output) { return is_floating(output.dtype()); };
  if (def.differentiable && std::none_of(outputs.begin(), outputs.end(), floats)) return;
  record(inputs, outputs, [&](Record& record) {
    record.op = AnyOp(def, options);
    record.has_op = true;
    note_inputs(record, inputs, def.saves == Saves::inputs || def.saves == Saves::both);
    const bool keeps = def.saves == Saves::outputs || def.saves == Saves::both;
    for (const Tensor& output : outputs)
      record.outputs.push_back(keeps ? output : spec_only(output));
  });
}

void TapeLog::record_custom(Inputs<Tensor> inputs, Tensor& output, CustomBackward backward) {
  record(inputs, std::span<Tensor>(&output, 1), [&](Record& record) {
    record.custom = std::make_shared<CustomBackward>(std::move(backward));
    note_inputs(record, inputs, false);
    record.outputs.push_back(spec_only(output));
  });
}

std::int64_t TapeLog::watch(const Tensor& tensor) {
  const std::int64_t known = node_of(tensor);
  if (known >= 0) return known;
  append();
  tensor.impl()->node = end() - 1;
  tensor.impl()->output = 0;
  return end() - 1;
}

std::int64_t TapeLog::watch_variable(std::uint64_t variable) {
  const std::int64_t known = node_of_variable(variable);
  if (known >= 0) return known;
  append().variable = variable;
  const std::int64_t node = end() - 1;
  variables_.emplace(variable, node);
  return node;
}

std::int64_t TapeLog::node_of(const Tensor& tensor) const {
  const std::int64_t node = tensor.impl()->node;
  return node >= first_ && node < first_ + size_ ? node : -1;
}

std::int64_t TapeLog::node_of_variable(std::uint64_t variable) const {
  const auto found = variables_.find(variable);
  return found == variables_.end() ? -1 : found->second;
}

std::vector<std::uint64_t> TapeLog::variables() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, node] : variables_) ids.push_back(id);
  return ids;
}

void TapeLog::update() {
  listeners().tape = recording_ > 0 ? this : nullptr;
  listeners().first_node = first_;
  listeners().end_node = end();
}

void TapeLog::tape_started() {
  ++tapes_;
  ++recording_;
  update();
}

void TapeLog::tape_paused() {
  --recording_;
  update();
}

void TapeLog::tape_ended() {
  if (--tapes_ == 0) {
    for (std::int64_t node = first_; node < end(); ++node) at(node).reset();
    first_ += size_;
    // Chunks are addressed from first_: start again at the first of them.
    size_ = 0;
    variables_.clear();
  }
  update();
}

}  // namespace nyala::detail
