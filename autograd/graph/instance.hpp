#pragma once
/// A planned tape with memory of its own: kernels and their arguments bound, ready to run.
#include <memory>
#include <vector>

#include <nyala/autograd/graph/plan.hpp>

namespace nyala::graph {

/// What one group does, its pointers in place.
class BoundGroup {
 public:
  virtual ~BoundGroup() = default;
  virtual void run() = 0;
};

/// Memory that may be elsewhere in the next run, and the pointers into it.
class MovableMemory {
 public:
  void add(std::byte** pointer, std::int64_t offset) { users_.push_back({pointer, offset}); }
  void move_to(std::byte* data) {
    if (data != data_) [[unlikely]]
      move_users(data);
  }
  const std::byte* data() const { return data_; }

 private:
  void move_users(std::byte* data) {
    data_ = data;
    for (const User& user : users_) *user.pointer = data + user.offset;
  }

  struct User {
    std::byte** pointer;
    std::int64_t offset;
  };
  std::byte* data_ = nullptr;
  std::vector<User> users_;
};

class Instance {
 public:
  Instance(const Tape& tape, const Plan& plan);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Appends the outputs to `outputs`. After a throw these and all variables are as they were, and
  /// the instance can run no more.
  void run(Inputs<Tensor> inputs, Tensors& outputs);

  /// Sets a pointer to where a value is stored, now and in each run to come; null for one in
  /// scratch.
  void point(std::byte** pointer, ValueId id);
  std::byte* arena() { return static_cast<std::byte*>(arena_.mutable_data()); }

 private:
  void point_variables();
  void point_inputs(Inputs<Tensor> inputs);
  void point_outputs();
  Tensor output(ValueId id, Inputs<Tensor> inputs) const;
  void append_outputs(Inputs<Tensor> inputs, Tensors& outputs) const;
  void prepare_assignments();
  void assign();
  Tensor value_of(const Assignment& assignment);

  const Tape& tape_;
  const Plan& plan_;
  Tensor arena_;
  struct Held {
    Tensor* stored;  // the variable's value
    MovableMemory memory;
    bool is_written = false;
  };
  std::vector<MovableMemory> inputs_, outputs_;
  std::vector<Held> variables_;
  struct Copied {
    const Assignment* assignment;
    Tensor from;   // the value: a view of where it is made
    Tensor fresh;  // what the variable holds afterwards; undefined where it keeps its tensor
    bool is_copied_early = false;
  };
  std::vector<Copied> copied_;   // of values that were not made in place
  std::vector<Tensor> results_;  // what output slots point to
  std::vector<Tensor> dense_;    // copies of inputs with gaps, while running
  bool has_dense_ = false;
  std::vector<std::unique_ptr<BoundGroup>> groups_;
};

std::unique_ptr<BoundGroup> bind_single(const Tape& tape,
                                        const Plan& plan,
                                        const Group& group,
                                        Instance& instance);

}  // namespace nyala::graph
