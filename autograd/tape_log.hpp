#pragma once
/// The records of one thread's tapes. Internal.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <nyala/core/op.hpp>

namespace nyala::detail {

using CustomBackward = std::function<std::vector<Tensor>(const Tensor&)>;

/// One call. A record without an op stands for a watched tensor or variable.
struct Record {
  AnyOp op;
  bool has_op = false;
  std::uint64_t variable = 0;
  std::shared_ptr<CustomBackward> custom;
  SmallVector<std::int64_t, 3> nodes;   // of the inputs, -1 for those not watched
  SmallVector<std::uint16_t, 3> slots;  // which output of that node each input is
  Tensors inputs;                       // specs alone where the gradient does not read them
  Tensors outputs;

  void reset();
};

/// All tapes of a thread share one log; a tape is a range of it. It is emptied when the last ends.
class TapeLog final : public Listener {
 public:
  static TapeLog& mine();
  /// The nodes of a thread are numbered from its own number, times 2^kThreadShift, on.
  static constexpr int kThreadShift = 44;
  /// Whether a node was made by the thread of this log.
  bool is_of_thread(std::int64_t node) const {
    return node >> kThreadShift == first_ >> kThreadShift;
  }

  void on_op(const OpDef& def,
             const void* options,
             Inputs<Tensor> inputs,
             std::span<Tensor> outputs) override;
  void record_custom(Inputs<Tensor> inputs, Tensor& output, CustomBackward backward);
  std::int64_t watch(const Tensor& tensor);
  std::int64_t watch_variable(std::uint64_t variable);

  /// The record at which a tensor (or variable) entered the log, -1 when it did not.
  std::int64_t node_of(const Tensor& tensor) const;
  std::int64_t node_of_variable(std::uint64_t variable) const;

  Record& at(std::int64_t node);
  std::int64_t end() const { return first_ + size_; }

  void tape_started();
  void tape_paused();  // a tape stopped recording; it may still be asked for gradients
  void tape_ended();   // a tape was destroyed
  std::vector<std::uint64_t> variables() const;
  bool is_recording() const { return recording_ > 0; }
  bool has_one_tape() const { return tapes_ == 1; }

 private:
  static constexpr std::int64_t kChunk = 64;
  TapeLog();
  Record& append();
  template <class F>
  void record(Inputs<Tensor> inputs, std::span<Tensor> outputs, F&& fill);
  void note_inputs(Record& record, Inputs<Tensor> inputs, bool read);
  void update();

  std::vector<std::unique_ptr<std::array<Record, kChunk>>> chunks_;
  std::int64_t first_;
  std::int64_t size_ = 0;
  int tapes_ = 0;
  int recording_ = 0;
  std::unordered_map<std::uint64_t, std::int64_t> variables_;
};

}  // namespace nyala::detail
