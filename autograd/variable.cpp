#include <nyala/autograd/variable.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

#include <nyala/core/op.hpp>
#include <nyala/core/ops/rows.hpp>

namespace nyala {

struct Variable::State {
  Tensor value;
  Spec spec;
  std::string name;
  std::string path;
  bool trainable = true;
  bool autocast = true;
  std::uint64_t id = 0;
  std::function<Tensor(const Tensor&)> constraint;
};

namespace {

std::atomic<std::uint64_t> g_next_id{1};
std::atomic<std::uint64_t> g_structure{1};
thread_local detail::VariableListener* t_listener = nullptr;
constinit thread_local std::optional<DType> t_autocast;

// A tensor of its own for the variable, over the same elements where these can be shared.
Tensor own(const Tensor& value) {
  const Tensor dense = value.contiguous();
  if (dense.impl()->storage == nullptr) return dense.clone();
  return Tensor::strided(dense, dense.shape(), dense.strides(), 0);
}

}  // namespace

namespace detail {

Tensor& stored_value(const Variable& variable) {
  if (!variable.defined()) [[unlikely]]
    variable.id();  // throws
  return variable.state_->value;
}

VariableListener*& variable_listener() noexcept { return t_listener; }

AutocastScope::AutocastScope(std::optional<DType> dtype)
    : outer_(std::exchange(t_autocast, dtype)) {}
AutocastScope::~AutocastScope() { t_autocast = outer_; }

Tensor concrete_value(const Variable& variable) {
  VariableListener* listener = std::exchange(t_listener, nullptr);
  Tensor value = stored_value(variable);
  t_listener = listener;
  return value;
}

void assign_rows(const Variable& variable, const Tensor& rows, const Tensor& values) {
  Tensor& stored = stored_value(variable);
  if (t_listener != nullptr || !is_private(stored)) {
    variable.assign(ops::put_rows(variable, rows, values));
    return;
  }
  ops::write_rows(stored, rows, values);
}

void set_zero(const Variable& variable) {
  Tensor& stored = stored_value(variable);
  if (t_listener != nullptr || !is_private(stored))
    return variable.assign(ops::zeros(variable.shape(), {variable.dtype()}));
  // The counters of metrics, each time a batch is looked at by itself: no call for four bytes.
  if (stored.nbytes() == sizeof(float))
    std::memset(stored.mutable_data(), 0, sizeof(float));
  else
    std::memset(stored.mutable_data(), 0, stored.nbytes());
}

std::uint64_t structure_version() noexcept { return g_structure.load(std::memory_order_acquire); }
void structure_changed() noexcept { g_structure.fetch_add(1, std::memory_order_acq_rel); }

void mark_value(const Tensor& value, const Variable& variable) {
  value.impl()->variable = variable.trainable() ? variable.id() : 0;
}

}  // namespace detail

namespace {

void expect_concrete(const Tensor& value, const std::string& name) {
  if (!value.defined())
    throw StateError("variable \"" + name + "\" was made from an undefined tensor");
  if (t_listener != nullptr && detail::listeners().tracer != nullptr) {
    throw ValueError("variable \"" + name +
                     "\" was made inside a traced function, each call of which would need another "
                     "one; make it outside");
  }
  if (value.is_abstract()) {
    throw StateError("variable \"" + name + "\" was made from an abstract tensor of shape " +
                     value.shape().str() + ", expected one with values");
  }
}

// The state that a call needs; `call` is its name.
Variable::State& expect(const std::shared_ptr<Variable::State>& state, const char* call) {
  if (state != nullptr) [[likely]]
    return *state;
  throw StateError("Variable: " + std::string(call) +
                   " was called on an empty variable; a layer's weights come with build");
}

}  // namespace

Variable::Variable(const Tensor& value, const VariableArgs& args) {
  expect_concrete(value, args.name);
  state_ = std::make_shared<State>();
  const Tensor start = args.dtype ? ops::cast(value, *args.dtype) : value;
  state_->value = own(start);
  state_->spec = start.spec();
  state_->name = state_->path = args.name;
  state_->autocast = args.autocast;
  state_->trainable = args.trainable && is_floating(start.dtype());
  state_->id = g_next_id.fetch_add(1, std::memory_order_relaxed);
  detail::mark_value(state_->value, *this);
}

Tensor Variable::value() const {
  Tensor value = uncast_value();
  if (!t_autocast || !state_->autocast || !is_floating(value.dtype())) [[likely]]
    return value;
  return ops::cast(value, *t_autocast);
}

Tensor Variable::uncast_value() const {
  expect(state_, "value");
  if (t_listener != nullptr) [[unlikely]]
    return t_listener->on_read(*this);
  return state_->value;
}

void Variable::assign(const Tensor& value) const {
  expect(state_, "assign");
  if (!value.defined()) {
    throw StateError("variable \"" + name() + "\" was assigned an undefined tensor");
  }
  if (value.shape() != shape()) {
    throw ShapeError("variable \"" + name() + "\" has shape " + shape().str() +
                     " and was assigned one of shape " + value.shape().str());
  }
  const Tensor cast = ops::cast(value, dtype());
  if (t_listener != nullptr) {
    t_listener->on_assign(*this, cast);
    return;
  }
  Tensor next = own(cast);
  detail::mark_value(next, *this);
  state_->value = std::move(next);
}

void Variable::assign_add(const Tensor& delta) const {
  expect(state_, "assign_add");
  assign(ops::stop_gradient(uncast_value()) + ops::cast(delta, dtype()));
}
void Variable::assign_sub(const Tensor& delta) const {
  expect(state_, "assign_sub");
  assign(ops::stop_gradient(uncast_value()) - ops::cast(delta, dtype()));
}

const Shape& Variable::shape() const { return expect(state_, "shape").spec.shape; }
DType Variable::dtype() const { return expect(state_, "dtype").spec.dtype; }
const std::string& Variable::name() const { return expect(state_, "name").name; }
const std::string& Variable::path() const { return expect(state_, "path").path; }
void Variable::set_path(std::string path) const {
  expect(state_, "set_path").path = std::move(path);
}
bool Variable::trainable() const { return expect(state_, "trainable").trainable; }
std::uint64_t Variable::id() const { return expect(state_, "id").id; }

void Variable::set_trainable(bool trainable) const {
  State& state = expect(state_, "set_trainable");
  state.trainable = trainable && is_floating(state.spec.dtype);
  detail::mark_value(state.value, *this);
  detail::structure_changed();
}

const std::function<Tensor(const Tensor&)>& Variable::constraint() const {
  return expect(state_, "constraint").constraint;
}
void Variable::set_constraint(std::function<Tensor(const Tensor&)> constraint) const {
  expect(state_, "set_constraint").constraint = std::move(constraint);
}

bool contains(const std::vector<Variable>& all, const Variable& variable) {
  return std::any_of(all.begin(), all.end(), [&](const Variable& v) { return v.is(variable); });
}

}  // namespace nyala
