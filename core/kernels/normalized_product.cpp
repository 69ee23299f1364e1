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

// Some samples of a product.
struct Part {
  const NormalizedProduct& p;
  std::int64_t first, count;

  std::int64_t item() const { return static_cast<std::int64_t>(size_of(p.dtype)); }
  std::int64_t x_bytes() const { return count * p.m * p.k * item(); }
  std::int64_t y_bytes() const { return count * p.n * p.k * item(); }
  template <class Data>
  auto at(Data* data, std::int64_t size) const {
    using Byte = std::conditional_t<std::is_const_v<Data>, const std::byte, std::byte>;
    return static_cast<Byte*>(data) + first * size * item();
  }

  // The rows of x or y, `rows` a sample, scaled to length one.
  Matrices scaled(const void* data, std::int64_t rows, bool turned, std::byte* to) const {
    const std::byte* from = at(data, rows * p.k);
    if (turned)
      l2_normalize(p.dtype, count, p.k, rows, from, p.clamp, to);
    else
      l2_normalize(p.dtype, count * rows, p.k, 1, from, p.clamp, to);
    return {to, rows * p.k, turned ? MatrixStrides{1, rows} : MatrixStrides{p.k, 1}};
  }
  Matrices scaled_x(const void* x, std::byte* to) const { return scaled(x, p.m, p.x_turned, to); }
  Matrices scaled_y(const void* y, std::byte* to) const { return scaled(y, p.n, p.y_turned, to); }

  // c (m, n) = a (m, k) b (k, n) for each sample.
  void multiply(std::int64_t m,
                std::int64_t n,
                std::int64_t k,
                const Matrices& a,
                const Matrices& b,
                std::byte* c) const {
    const std::array<std::int64_t, 1> batch = {count};
    plan_batched_matmul(p.dtype, batch, &a.size, &b.size, m, n, k, a.strides, b.strides)(
        a.data, b.data, c);
  }

  // The gradient of `rows` rows a sample, from d (rows, others) and the other operand's scaled
  // rows.
  void gradient(const void* data,
                std::int64_t rows,
                bool turned,
                const Matrices& d,
                std::int64_t others,
                const Matrices& scaled_others,
                void* gradient_data) const {
    const std::byte* from = at(data, rows * p.k);
    std::byte* to = at(gradient_data, rows * p.k);
    if (turned) {
      multiply(p.k, rows, others, scaled_others.transposed(), d.transposed(), to);
      l2_normalize_grad(p.dtype, count, p.k, rows, from, to, p.clamp, to);
    } else {
      multiply(rows, p.k, others, d, scaled_others, to);
      l2_normalize_grad(p.dtype, count * rows, p.k, 1, from, to, p.clamp, to);
    }
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

void normalized_product(const NormalizedProduct& product, const void* x, const void* y, void* z) {
  each_part(product, [&](const Part& part) {
    const NormalizedProduct& p = part.p;
    const Scratch scratch(part.x_bytes() + part.y_bytes());
    const Matrices u = part.scaled_x(x, scratch.data());
    const Matrices v = part.scaled_y(y, scratch.data() + part.x_bytes());
    part.multiply(p.m, p.n, p.k, u, v.transposed(), part.at(z, p.m * p.n));
  });
}

void normalized_product_grad(const NormalizedProduct& product,
                             const void* x,
                             const void* y,
                             const void* dz,
                             void* dx,
                             void* dy) {
  each_part(product, [&](const Part& part) {
    const NormalizedProduct& p = part.p;
    const Scratch scratch(std::max(part.x_bytes(), part.y_bytes()));
    const Matrices d = {part.at(dz, p.m * p.n), p.m * p.n, {p.n, 1}};
    if (dx != nullptr)
      part.gradient(x, p.m, p.x_turned, d, p.n, part.scaled_y(y, scratch.data()), dx);
    if (dy != nullptr)
      part.gradient(y, p.n, p.y_turned, d.transposed(), p.m, part.scaled_x(x, scratch.data()), dy);
  });
}

}  // namespace nyala::kernels
