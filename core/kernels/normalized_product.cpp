#include <nyala/core/kernels/normalized_product.hpp>

#include <algorithm>
#include <array>

#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Small samples are taken together, up to so many elements of x and y.
constexpr std::int64_t kElements = 16384;

// Memory from this thread's free list.
class Scratch {
 public:
  explicit Scratch(std::int64_t bytes)
      : storage_(detail::allocate_storage(static_cast<std::size_t>(bytes))) {}
  ~Scratch() { detail::free_storage(storage_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::byte* data() const { return storage_->bytes(); }

 private:
  detail::Storage* storage_;
};

// One matrix a sample, one after the other.
struct Matrices {
  const std::byte* data;
  std::int64_t size;  // elements of one
  MatrixStrides strides;

  Matrices transposed() const { return {data, size, {strides.column, strides.row}}; }
};

// x or y: `rows` rows a sample.
struct Operand {
  const void* data;
  std::int64_t rows;
};

// Some samples of a product.
struct Part {
  const NormalizedProduct& p;
  std::int64_t first, count;

  std::int64_t item() const { return static_cast<std::int64_t>(size_of(p.dtype)); }
  std::int64_t bytes(const Operand& of) const { return count * of.rows * p.k * item(); }
  template <class Data>
  auto at(Data* data, std::int64_t size) const {
    using Byte = std::conditional_t<std::is_const_v<Data>, const std::byte, std::byte>;
    return static_cast<Byte*>(data) + first * size * item();
  }

  // The rows of an operand, scaled to length one.
  Matrices scaled(const Operand& of, std::byte* to, std::byte* factors = nullptr) const {
    const std::byte* from = at(of.data, of.rows * p.k);
    l2_normalize(lines(of), from, to, factors);
    return {to, of.rows * p.k, {p.k, 1}};
  }

  // c (m, n) = a (m, k) b (k, n) for each sample.
  void multiply(std::int64_t m,
                std::int64_t n,
                std::int64_t k,
                const Matrices& a,
                const Matrices& b,
                std::byte* c) const {
    const std::array<std::int64_t, 1> batch = {count};
    plan_batched_matmul({p.dtype, m, n, k, a.strides, b.strides, n}, batch, &a.size, &b.size)(
        a.data, b.data, c);
  }

  NormalizedLines lines(const Operand& of) const {
    return {p.dtype, count * of.rows, p.k, 1, p.clamp};
  }

  // The gradient of an operand, from d (rows, others), the scaled rows of the other one and the
  // factors of its own rows, if there are any.
  void gradient(const Operand& of,
                const Matrices& d,
                std::int64_t others,
                const Matrices& scaled_others,
                const std::byte* factors,
                void* gradient_data) const {
    const std::byte* from = at(of.data, of.rows * p.k);
    std::byte* to = at(gradient_data, of.rows * p.k);
    multiply(of.rows, p.k, others, d, scaled_others, to);
    if (factors != nullptr)
      l2_normalize_grad(lines(of), from, to, factors, to);
    else
      l2_normalize_grad(lines(of), from, to, to);
  }
};

// f(part) for parts of the samples that fit the cache. Where there are fewer of them than threads,
// these share each part.
template <class F>
void each_part(const NormalizedProduct& p, F&& f) {
  if (p.dtype != DType::float32 && p.dtype != DType::float64) throw_no_kernel(p.dtype);
  if (p.batch == 0) return;
  const std::int64_t size = std::max<std::int64_t>((p.m + p.n) * p.k, 1);
  const std::int64_t count = std::clamp<std::int64_t>(kElements / size, 1, p.batch);
  const auto body = [&](std::int64_t begin, std::int64_t end) { f(Part{p, begin, end - begin}); };
  if ((p.batch - 1) / count + 1 >= num_threads()) return parallel_for(p.batch, count, body);
  for (std::int64_t begin = 0; begin < p.batch; begin += count)
    body(begin, std::min(begin + count, p.batch));
}

}  // namespace

void normalized_product(const NormalizedProduct& product,
                        const void* x_data,
                        const void* y_data,
                        void* z) {
  each_part(product, [&](const Part& part) {
    const NormalizedProduct& p = part.p;
    const Operand x = {x_data, p.m}, y = {y_data, p.n};
    const Scratch scratch(part.bytes(x) + part.bytes(y));
    const Matrices u = part.scaled(x, scratch.data());
    const Matrices v = part.scaled(y, scratch.data() + part.bytes(x));
    part.multiply(p.m, p.n, p.k, u, v.transposed(), part.at(z, p.m * p.n));
  });
}

void normalized_product_grad(const NormalizedProduct& product,
                             const void* x_data,
                             const void* y_data,
                             const void* dz,
                             void* dx,
                             void* dy) {
  each_part(product, [&](const Part& part) {
    const NormalizedProduct& p = part.p;
    const Operand x = {x_data, p.m}, y = {y_data, p.n};
    const Matrices d = {part.at(dz, p.m * p.n), p.m * p.n, {p.n, 1}};
    const Scratch scratch(part.bytes(x) + part.bytes(y));
    std::byte* const of_y = scratch.data() + part.bytes(x);
    if (dx == nullptr || dy == nullptr) {
      if (dx != nullptr) part.gradient(x, d, p.n, part.scaled(y, of_y), nullptr, dx);
      if (dy != nullptr)
        part.gradient(y, d.transposed(), p.m, part.scaled(x, scratch.data()), nullptr, dy);
      return;
    }
    const Scratch factors(part.count * (p.m + p.n) * part.item());
    std::byte* const y_factors = factors.data() + part.count * p.m * part.item();
    const Matrices u = part.scaled(x, scratch.data(), factors.data());
    const Matrices v = part.scaled(y, of_y, y_factors);
    part.gradient(x, d, p.n, v, factors.data(), dx);
    part.gradient(y, d.transposed(), p.m, u, y_factors, dy);
  });
}

}  // namespace nyala::kernels
