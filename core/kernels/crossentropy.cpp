#include <nyala/core/kernels/crossentropy.hpp>

#include <algorithm>

#include <nyala/core/kernels/crossentropy_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 16384;

// f(first row, number of rows) over all rows.
template <class F>
void over_rows(const CrossentropyRows& of, F&& f) {
  if (of.dtype != DType::float32 && of.dtype != DType::float64) throw_no_kernel(of.dtype);
  const std::int64_t grain = std::max<std::int64_t>(kGrain / std::max<std::int64_t>(of.n, 1), 1);
  parallel_for(
      of.rows, grain, [&](std::int64_t begin, std::int64_t end) { f(begin, end - begin); });
}

const std::byte* at(const void* data, DType dtype, std::int64_t index) {
  return static_cast<const std::byte*>(data) + index * static_cast<std::int64_t>(size_of(dtype));
}
std::byte* at(void* data, DType dtype, std::int64_t index) {
  return static_cast<std::byte*>(data) + index * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace

void sparse_crossentropy(const CrossentropyRows& of,
                         const void* x,
                         const std::int64_t* labels,
                         void* loss) {
  const DType dtype = of.dtype;
  const std::int64_t n = of.n;
  over_rows(of, [&](std::int64_t i, std::int64_t count) {
    const CrossentropyLoops& loops = crossentropy_loops(dtype);
    (of.from_logits ? loops.sparse_logits : loops.sparse)(
        at(x, dtype, i * n), labels + i, at(loss, dtype, i), count, n);
  });
}

void sparse_crossentropy_grad(const CrossentropyRows& of,
                              const void* x,
                              const std::int64_t* labels,
                              const void* dloss,
                              void* dx) {
  const DType dtype = of.dtype;
  const std::int64_t n = of.n;
  over_rows(of, [&](std::int64_t i, std::int64_t count) {
    const CrossentropyLoops& loops = crossentropy_loops(dtype);
    (of.from_logits ? loops.sparse_logits_grad : loops.sparse_grad)(
        at(x, dtype, i * n), labels + i, at(dloss, dtype, i), at(dx, dtype, i * n), count, n);
  });
}

void categorical_crossentropy(const CrossentropyRows& of,
                              const void* x,
                              const void* t,
                              void* loss) {
  const DType dtype = of.dtype;
  const std::int64_t n = of.n;
  over_rows(of, [&](std::int64_t i, std::int64_t count) {
    const CrossentropyLoops& loops = crossentropy_loops(dtype);
    (of.from_logits ? loops.logits : loops.categorical)(
        at(x, dtype, i * n), at(t, dtype, i * n), at(loss, dtype, i), count, n);
  });
}

void categorical_crossentropy_grad(
    const CrossentropyRows& of, const void* x, const void* t, const void* dloss, void* dx) {
  const DType dtype = of.dtype;
  const std::int64_t n = of.n;
  over_rows(of, [&](std::int64_t i, std::int64_t count) {
    const CrossentropyLoops& loops = crossentropy_loops(dtype);
    (of.from_logits ? loops.logits_grad : loops.categorical_grad)(at(x, dtype, i * n),
                                                                  at(t, dtype, i * n),
                                                                  at(dloss, dtype, i),
                                                                  at(dx, dtype, i * n),
                                                                  count,
                                                                  n);
  });
}

}  // namespace nyala::kernels
