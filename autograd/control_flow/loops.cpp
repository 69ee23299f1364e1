// Loops that are scans, and the scan of an associative function.
#include <algorithm>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/autograd/guard.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::ops {
namespace {

using Elements = std::vector<Tensor>;

// The running results of elements at the odd places come from those of neighbours taken together,
// half as many; those at the even places then take one more call.
class AssociativeScan {
 public:
  AssociativeScan(const std::function<Elements(const Elements&, const Elements&)>& f, int axis)
      : f_(f), axis_(axis) {}

  Elements run(const Elements& all) const {
    const std::int64_t size = all[0].shape()[axis_];
    if (size < 2) return all;
    const Elements odd =
        run(combine(part(all, 0, size - 1, 2), part(all, 1, size, 2)));  // 0..1, 0..3, ...
    Elements even = part(all, 0, 1, 1);
    if (size > 2) {
      const std::int64_t before = (size - 1) / 2;
      const Elements rest = combine(part(odd, 0, before, 1), part(all, 2, size, 2));
      for (std::size_t i = 0; i < even.size(); ++i)
        even[i] = concatenate({even[i], rest[i]}, {.axis = axis_});
    }
    Elements results;
    for (std::size_t i = 0; i < even.size(); ++i) results.push_back(interleave(even[i], odd[i]));
    return results;
  }

 private:
  Elements combine(const Elements& a, const Elements& b) const {
    Elements made = f_(a, b);
    if (made.size() == a.size()) return made;
    throw ValueError("associative_scan: its function returned " + std::to_string(made.size()) +
                     " tensors, expected " + std::to_string(a.size()));
  }
  Elements part(const Elements& all,
                std::int64_t start,
                std::int64_t stop,
                std::int64_t step) const {
    std::vector<Range1> ranges(static_cast<std::size_t>(axis_) + 1);
    ranges.back() = {.start = start, .stop = stop, .step = step};
    Elements parts;
    for (const Tensor& x : all) parts.push_back(slice(x, ranges));
    return parts;
  }
  // a0 b0 a1 b1 ..., where a may have one more.
  Tensor interleave(const Tensor& a, const Tensor& b) const {
    const std::int64_t pairs = b.shape()[axis_];
    Shape shape = b.shape();
    shape[axis_] = 2 * pairs;
    Tensor both = reshape(stack({slice_axis(a, axis_, 0, pairs), b}, axis_ + 1), shape);
    if (a.shape()[axis_] == pairs) return both;
    return concatenate({both, slice_axis(a, axis_, pairs, pairs + 1)}, {.axis = axis_});
  }

  const std::function<Elements(const Elements&, const Elements&)>& f_;
  int axis_;
};

}  // namespace

std::vector<Tensor> map(const TensorsFunction& f, const std::vector<Tensor>& xs) {
  if (!f) throw ValueError("map: received an empty function");
  const auto step = [&](const Elements&, const Elements& x) { return ScanResult{{}, f(x)}; };
  return scan(ScanBody(step), {}, xs).results;
}

std::vector<Tensor> fori_loop(
    std::int64_t lower,
    std::int64_t upper,
    const std::function<Elements(const Tensor& i, const Elements& values)>& body,
    const std::vector<Tensor>& init) {
  if (!body) throw ValueError("fori_loop: received an empty function");
  const Tensor numbers =
      cast(arange(std::max(lower, upper) - lower), DType::int32) + static_cast<int>(lower);
  const auto step = [&](const Elements& values, const Elements& i) {
    return ScanResult{body(i[0], values), {}};
  };
  return scan(ScanBody(step), init, {numbers}).carry;
}

std::vector<Tensor> associative_scan(
    const std::function<Elements(const Elements&, const Elements&)>& f,
    const std::vector<Tensor>& elems,
    const AssociativeScanArgs& args) {
  if (!f) throw ValueError("associative_scan: received an empty function");
  if (elems.empty()) throw ValueError("associative_scan: received no tensors");
  if (!elems[0].defined()) throw ValueError("associative_scan: received an undefined tensor");
  const int axis = args.axis < 0 ? args.axis + elems[0].rank() : args.axis;
  for (const Tensor& x : elems) {
    if (!x.defined()) throw ValueError("associative_scan: received an undefined tensor");
    const bool fits = axis >= 0 && axis < x.rank() && axis < elems[0].rank() &&
                      x.shape()[axis] == elems[0].shape()[axis] && x.shape()[axis] != None;
    if (fits) continue;
    throw ShapeError("associative_scan: received shape " + x.shape().str() + " beside " +
                     elems[0].shape().str() + " for axis " + std::to_string(args.axis) +
                     ", expected one known size of it");
  }
  return nyala::detail::guard_memory([&] {
    Elements all = elems;
    if (args.reverse) {
      for (Tensor& x : all) x = flip(x, axis);
    }
    all = AssociativeScan(f, axis).run(all);
    if (args.reverse) {
      for (Tensor& x : all) x = flip(x, axis);
    }
    return all;
  });
}

}  // namespace nyala::ops
