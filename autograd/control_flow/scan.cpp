#include <nyala/autograd/control_flow/scan.hpp>

#include <algorithm>

#include <nyala/autograd/guard.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

namespace nyala {
namespace detail {

void check_carry(const std::string& who,
                 const std::vector<Tensor>& before,
                 const std::vector<Tensor>& after) {
  if (after.size() != before.size()) {
    throw ValueError(who + ": its function returned " + std::to_string(after.size()) +
                     " tensors as the carry, expected " + std::to_string(before.size()));
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string which = who + ": its function returned as carry " + std::to_string(i) + " ";
    if (!after[i].defined()) throw ValueError(which + "an undefined tensor");
    if (after[i].shape() != before[i].shape()) {
      throw ShapeError(which + "a tensor of shape " + after[i].shape().str() + ", expected " +
                       before[i].shape().str());
    }
    if (after[i].dtype() != before[i].dtype()) {
      throw TypeError(which + "a tensor of dtype " + std::string(name_of(after[i].dtype())) +
                      ", expected " + std::string(name_of(before[i].dtype())));
    }
  }
}

ScanResult scan_by_step(const ScanBody& f, const ScanInputs& in) {
  std::vector<Tensor> carry = in.carry;
  std::vector<std::vector<Tensor>> results;  // of each output, in the order of the steps
  for (std::int64_t s = 0; s < in.length; ++s) {
    std::vector<Tensor> x;
    for (const Tensor& all : in.xs) x.push_back(all[in.reverse ? in.length - 1 - s : s]);
    ScanResult made = f(carry, x);
    check_carry("scan", carry, made.carry);
    if (s == 0) results.resize(made.results.size());
    if (made.results.size() != results.size()) {
      throw ValueError("scan: its function returned " + std::to_string(made.results.size()) +
                       " results, and " + std::to_string(results.size()) + " before");
    }
    for (std::size_t i = 0; i < results.size(); ++i)
      results[i].push_back(std::move(made.results[i]));
    carry = std::move(made.carry);
  }
  ScanResult all{std::move(carry), {}};
  for (std::vector<Tensor>& each : results) {
    if (in.reverse) std::reverse(each.begin(), each.end());
    all.results.push_back(ops::stack(each));
  }
  return all;
}

namespace {

// What a scan gives where nothing is computed, or no step is made: one step tells.
ScanResult scan_shapes(const ScanBody& f, const ScanInputs& in, std::int64_t length) {
  std::vector<Tensor> x, carry;
  for (const Tensor& all : in.xs) {
    Shape step = all.shape();
    step.erase(0);
    x.push_back(Tensor::abstract(step, all.dtype()));
  }
  for (const Tensor& one : in.carry) carry.push_back(Tensor::abstract(one.shape(), one.dtype()));
  ScanResult made = f(carry, x);
  check_carry("scan", carry, made.carry);
  for (Tensor& result : made.results) {
    Shape all = result.shape();
    all.insert(0, length);
    result = length == 0 && all.is_known() ? ops::zeros(all, {result.dtype()})
                                           : Tensor::abstract(all, result.dtype());
  }
  if (length == 0) made.carry = in.carry;
  return made;
}

std::int64_t length_of(const std::vector<Tensor>& xs, const ScanArgs& args) {
  if (xs.empty() && !args.length) throw ValueError("scan: received neither xs nor a length");
  std::int64_t length = args.length.value_or(None);
  if (args.length && length < 0)
    throw ValueError("scan: received length " + std::to_string(length));
  for (const Tensor& x : xs) {
    if (!x.defined()) throw ValueError("scan: received an undefined tensor in xs");
    if (x.rank() == 0) throw ShapeError("scan: received a scalar in xs, expected a first axis");
    const std::int64_t size = x.shape()[0];
    if (length == None) length = size;
    if (size != None && size != length) {
      throw ValueError("scan: received xs of shape " + x.shape().str() + " for " +
                       std::to_string(length) + " steps");
    }
  }
  return length;
}

}  // namespace
}  // namespace detail

namespace ops {

ScanResult scan(const ScanBody& f,
                const std::vector<Tensor>& init,
                const std::vector<Tensor>& xs,
                const ScanArgs& args) {
  if (!f) throw ValueError("scan: received an empty function");
  const std::int64_t length = detail::length_of(xs, args);
  bool is_abstract = false, is_known = length != None;
  for (const auto* tensors : {&init, &xs}) {
    for (const Tensor& tensor : *tensors) {
      if (!tensor.defined()) throw ValueError("scan: received an undefined tensor as its carry");
      is_abstract |= tensor.is_abstract();
      is_known &= tensor.shape().is_known();
    }
  }
  return detail::guard_memory([&] {
    const detail::ScanInputs in{.carry = init, .xs = xs, .length = length, .reverse = args.reverse};
    const bool is_traced = detail::listeners().tracer != nullptr && is_known;
    if (length == 0 || (is_abstract && !is_traced)) return detail::scan_shapes(f, in, length);
    if (is_traced && !args.unroll) {
      const auto body = [&](const auto& carry, const auto& x, const auto&) { return f(carry, x); };
      if (auto result = detail::scan_as_op(body, in)) return *std::move(result);
    }
    return detail::scan_by_step(f, in);
  });
}

}  // namespace ops
}  // namespace nyala
