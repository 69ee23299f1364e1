#include <nyala/core/kernels/matmul.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/bfloat16_matmul.hpp>
#include <nyala/core/kernels/blas_matmul.hpp>
#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/integer_matmul.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Multiplications that are worth a thread's while.
constexpr std::int64_t kThreadWork = std::int64_t{1} << 21;

double work_of(const MatmulPlan& p) {
  return static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
}

struct Tile {
  std::int64_t rows, columns;

  bool is_wide() const { return columns >= rows; }
  std::int64_t side() const { return is_wide() ? columns : rows; }
  void halve() {
    const std::int64_t unit = is_wide() ? 32 : 8;
    (is_wide() ? columns : rows) = ((side() + 1) / 2 + unit - 1) / unit * unit;
  }
};

// A large product is halved along its longer side as long as each part is worth a thread's while
// and its sides are long enough for packing to pay.
void choose_tiles(MatmulPlan& p) {
  constexpr double enough = kThreadWork;
  Tile tile{p.tile_rows, p.tile_columns};
  int tiles = 1;
  for (double work = work_of(p); work > enough; work /= 2, tiles *= 2) {
    const bool large = work > enough * 16 && tiles >= 4;
    const std::int64_t shortest = large ? 256 : work > enough * 2 ? 128 : 64;
    if (tile.side() / 2 < shortest) break;
    tile.halve();
  }
  p.tile_rows = tile.rows;
  p.tile_columns = tile.columns;
}

// The tiles that a product is run in: each packs its own operands, so that they are no smaller than
// it takes to keep all threads busy until the end. The SIMD loops sum each element of c in the same
// order whatever its tile; BLAS promises no such thing, and its tiles depend on sizes only.
Tile tile_of(const MatmulPlan& p) {
  const Tile least{p.tile_rows, p.tile_columns};
  if (p.blas) return least;
  Tile tile{p.m, p.n};
  for (int tiles = 1; tiles < 4 * num_threads(); tiles *= 2) {
    tile.halve();
    if (tile.rows <= least.rows && tile.columns <= least.columns) return least;
  }
  return tile;
}

bool is_tiled(const MatmulPlan& p) { return p.tile_rows < p.m || p.tile_columns < p.n; }

void run_tiles(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  if (!p.blas && num_threads() == 1) return p.run_tile(p, a, b, bias, c);
  const Tile tile = tile_of(p);
  const std::int64_t across = (p.n - 1) / tile.columns + 1;
  const std::int64_t down = (p.m - 1) / tile.rows + 1;
  const auto item = static_cast<std::int64_t>(size_of(p.dtype));
  parallel_for(across * down, 1, [&](std::int64_t which, std::int64_t) {
    const std::int64_t row = which / across * tile.rows;
    const std::int64_t column = which % across * tile.columns;
    MatmulPlan part = p;
    part.m = std::min(tile.rows, p.m - row);
    part.n = std::min(tile.columns, p.n - column);
    p.run_tile(part,
               moved(a, row * p.a.row * item),
               moved(b, column * p.b.column * item),
               moved(bias, column * p.bias_step * item),
               moved(c, (row * p.c_row + column) * item));
  });
}

void run_turned(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  if (is_tiled(p)) return run_tiles(p, b, a, bias, c);
  p.run_tile(p, b, a, bias, c);
}

void run_nothing(const MatmulPlan&, const void*, const void*, const void*, void*) {}

// A sum of no products.
void run_empty(const MatmulPlan& p, const void*, const void*, const void* bias, void* c_data) {
  visit_stored(p.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < p.m; ++i) {
      T* c = static_cast<T*>(c_data) + i * p.c_row;
      if (!p.accumulate) std::fill_n(c, p.n, T{0});
      if constexpr (is_float_type<T>) {
        const T* add = static_cast<const T*>(bias);
        for (std::int64_t j = 0; add != nullptr && j < p.n; ++j) c[j] = T(c[j] + add[j]);
        for (std::int64_t j = 0; p.relu && j < p.n; ++j) c[j] = c[j] < T{0} ? T{0} : c[j];
      }
    }
  });
}

void run_integers(const MatmulPlan& p, const void* a, const void* b, const void*, void* c) {
  const Matrix left{a, p.a.row, p.a.column}, right{b, p.b.row, p.b.column};
  integer_matmul({p.dtype, p.m, p.n, p.k, left, right, p.c_row}, c);
}

void turn(MatmulPlan& p) {
  std::swap(p.m, p.n);
  std::swap(p.a, p.b);
  std::swap(p.a.row, p.a.column);
  std::swap(p.b.row, p.b.column);
  p.bias_step = 0;
  p.turned = true;
}

void choose_loops(MatmulPlan& p) {
  p.blas = false;
  if (p.dtype == DType::bfloat16) return choose_bfloat16(p);
  if (p.packed_b || !choose_blas(p)) choose_simd_loops(p);
}

void choose_floats(MatmulPlan& p) {
  if (p.n == 1 && p.c_row == 1 && p.m > 1) {
    turn(p);
    p.tile_rows = p.m;
    p.tile_columns = p.n;
  }
  choose_loops(p);
  if (p.m * p.n > 1 && p.k > 16) choose_tiles(p);
  p.run = p.turned ? run_turned : is_tiled(p) ? run_tiles : p.run_tile;
}

}  // namespace

bool multiplies(DType dtype) {
  return has_kernels(dtype) || (dtype == DType::bfloat16 && multiplies_bfloat16());
}

void run_one_by_one(
    const MatmulPlan& p, const MatmulPlan::Batch& batch, const void* a, const void* b, void* c) {
  const auto item = static_cast<std::int64_t>(size_of(p.dtype));
  for (std::int64_t i = 0; i < batch.count; ++i) {
    p.run_tile(p,
               moved(a, i * batch.a_step * item),
               moved(b, i * batch.b_step * item),
               nullptr,
               moved(c, i * batch.c_step * item));
  }
}

MatmulPlan plan_matmul(const MatrixProduct& product) {
  const DType dtype = product.dtype;
  const std::int64_t m = product.m, n = product.n, k = product.k;
  const MatmulOptions& options = product.options;
  MatmulPlan p{.run = nullptr,
               .dtype = dtype,
               .accumulate = options.accumulate,
               .relu = options.relu,
               .turned = false,
               .m = m,
               .n = n,
               .k = k,
               .a = product.a,
               .b = product.b,
               .c_row = m == 1 ? n : product.c_row,
               .bias_step = 1,
               .tile_rows = m,
               .tile_columns = n,
               .packed_b = false,
               .blas = false,
               .ahead = nullptr,
               .run_tile = nullptr,
               .run_batch = run_one_by_one};
  const bool wide = dtype == DType::float32 || dtype == DType::float64;
  const bool floats = wide || dtype == DType::bfloat16;
  if ((options.accumulate && !wide) || (options.relu && !floats)) {
    throw TypeError("matmul: received dtype " + std::string(name_of(dtype)) +
                    ", expected float32 or float64 to accumulate, or bfloat16 for relu");
  }
  if (m == 0 || n == 0)
    p.run = p.run_tile = run_nothing;
  else if (k == 0)
    p.run = p.run_tile = run_empty;
  else if (floats)
    choose_floats(p);
  else
    p.run = p.run_tile = run_integers;
  return p;
}

MatmulPlan part_of(const MatmulPlan& whole,
                   std::int64_t rows,
                   std::int64_t columns,
                   std::int64_t c_row,
                   bool packed) {
  MatmulPlan part = whole;
  part.m = part.tile_rows = rows;
  part.n = part.tile_columns = columns;
  part.c_row = c_row;
  part.packed_b = packed;
  choose_loops(part);
  part.run = part.run_tile;
  return part;
}

std::int64_t packed_size(const MatmulPlan& whole) {
  constexpr std::int64_t widest = 16;  // lanes of a vector
  return whole.k * ((whole.n + widest - 1) / widest * widest);
}

namespace {

// Whether a batch lies as one tall matrix: the batch strides go on where the rows end.
bool is_one_matrix(std::span<const std::int64_t> batch_shape,
                   const std::int64_t* strides,
                   std::int64_t m,
                   std::int64_t row) {
  std::int64_t expected = m * row;
  for (std::size_t axis = batch_shape.size(); axis-- > 0;) {
    if (batch_shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= batch_shape[axis];
  }
  return true;
}

// What one product of a batch costs, in multiplications: memory counts where there are few.
std::int64_t cost_of(const MatmulPlan& p) {
  const auto elements = static_cast<double>(p.m * p.k + p.k * p.n + p.m * p.n);
  const double cost = std::max(work_of(p), 4 * elements);
  return static_cast<std::int64_t>(std::clamp(cost, 1.0, 1e15));
}

}  // namespace

BatchedMatmulPlan plan_batched_matmul(const MatrixProduct& one,
                                      std::span<const std::int64_t> batch_shape,
                                      const std::int64_t* a_batch_strides,
                                      const std::int64_t* b_batch_strides) {
  BatchedMatmulPlan p;
  p.batch = product(batch_shape);
  if (p.batch == 1 || (is_one_element(batch_shape, b_batch_strides) &&
                       is_one_matrix(batch_shape, a_batch_strides, one.m, one.a.row))) {
    MatrixProduct all = one;
    all.m *= p.batch;
    p.one = plan_matmul(all);
    p.batch = 1;
    return p;
  }
  p.one = plan_matmul(one);
  p.layout = Layout<2>(batch_shape, {a_batch_strides, b_batch_strides});
  return p;
}

void BatchedMatmulPlan::operator()(const void* a, const void* b, void* c) const {
  if (batch == 1) return one(a, b, c);
  if (batch == 0 || one.m == 0 || one.n == 0) return;
  const auto item = static_cast<std::int64_t>(size_of(one.dtype));
  const std::int64_t size = one.m * one.n;
  const std::int64_t cost = cost_of(one);
  // Few large products are better cut themselves.
  const bool in_tiles = is_tiled(one) && batch < 2 * num_threads();
  const std::int64_t piece = in_tiles ? batch : std::max<std::int64_t>(kThreadWork / 2 / cost, 1);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    Odometer<2> at(layout, layout.rank - 1, begin / layout.back_size());
    for (std::int64_t inner = begin % layout.back_size(); begin < end; inner = 0, at.next()) {
      const std::int64_t count = std::min(layout.back_size() - inner, end - begin);
      const std::int64_t a_step = layout.back_stride(0), b_step = layout.back_stride(1);
      const void* left = moved(a, (at.offset(0) + inner * a_step) * item);
      const void* right = moved(b, (at.offset(1) + inner * b_step) * item);
      void* to = moved(c, begin * size * item);
      if (in_tiles) {
        for (std::int64_t i = 0; i < count; ++i) {
          one(moved(left, i * a_step * item),
              moved(right, i * b_step * item),
              moved(to, i * size * item));
        }
      } else if (one.turned) {
        one.run_batch(one, {count, b_step, a_step, size}, right, left, to);
      } else {
        one.run_batch(one, {count, a_step, b_step, size}, left, right, to);
      }
      begin += count;
    }
  };
  if (piece >= batch) return part(0, batch);
  parallel_for(batch, piece, part);
}

namespace {

// Plain data, which can still be asked when the thread's destructors have run.
struct Workspace {
  void* data = nullptr;
  std::size_t size = 0;

  void release() {
    std::free(data);
    data = nullptr;
    size = 0;
  }
};
constinit thread_local Workspace t_workspace;

// What is bound to this key is released after a thread's destructors, which may multiply, too.
pthread_key_t workspace_key() {
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    const auto release = [](void*) { t_workspace.release(); };
    if (pthread_key_create(&made, release) != 0)
      throw LimitError("matmul: no key for a thread's own memory");
    return made;
  }();
  return key;
}

}  // namespace

void* matmul_workspace(std::size_t bytes) {
  Workspace& workspace = t_workspace;
  if (workspace.size < bytes) {
    workspace.release();
    const std::size_t rounded = (bytes + 4095) / 4096 * 4096;
    workspace.data = detail::system_block(rounded, detail::kLargePage / 2);
    if (workspace.data == nullptr) throw LimitError("matmul: no memory for packed operands");
    workspace.size = rounded;
    pthread_setspecific(workspace_key(), workspace.data);
  }
  return workspace.data;
}

}  // namespace nyala::kernels
