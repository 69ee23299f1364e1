#include <nyala/core/kernels/attention.hpp>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/softmax_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Scores at a time, where not all of a head are: half of a second cache of 1 MiB holds them twice.
constexpr std::int64_t kBlockScores = std::int64_t{1} << 15;
constexpr std::int64_t kFewestRows = 8;
// Pieces of work, each with scratch memory of its own.
constexpr std::int64_t kPieces = 16;
// Multiplications below which threads do not pay.
constexpr std::int64_t kThreadWork = std::int64_t{1} << 19;

std::int64_t rows_of(const AttentionPlan& p) {
  if (keeps_attention_weights(p.queries, p.keys)) return p.queries;
  return std::min(p.queries, std::max(kBlockScores / p.keys / 8 * 8, kFewestRows));
}

// Elements of one piece's scratch memory, each part aligned to 64 bytes.
struct Scratch {
  std::int64_t weights, gradients, scaled;

  Scratch(const AttentionPlan& p, bool backward)
      : weights(aligned(rows_of(p) * p.keys)),
        gradients(backward ? weights : 0),
        scaled(aligned(rows_of(p) * std::max(p.size, p.value_size))) {}
  static std::int64_t aligned(std::int64_t elements) { return (elements + 15) / 16 * 16; }
  std::int64_t all() const { return weights + gradients + scaled; }
};

// The products of a block, planned for its rows and the keys that it sees: those of the forward
// pass, or all.
class Products {
 public:
  Products(const AttentionPlan& p, bool backward, std::int64_t rows, std::int64_t keys)
      : rows_(rows), keys_(keys) {
    const auto plan = [&](std::int64_t m,
                          std::int64_t n,
                          std::int64_t k,
                          MatrixStrides a,
                          MatrixStrides b,
                          std::int64_t c_row,
                          MatmulOptions options = {}) {
      return plan_matmul({p.dtype, m, n, k, a, b, c_row, options});
    };
    // Elements from one query, or key, to the next, for heads of `size` elements.
    const auto query_row = [&](std::int64_t size) { return p.heads * size; };
    const auto key_row = [&](std::int64_t size) { return p.own_heads * size; };
    // Scores, by the rows of queries and of keys.
    const auto pair = [&](std::int64_t size) {
      return plan(rows, keys, size, {size, 1}, {1, key_row(size)}, keys);
    };
    // Sums over keys, for each query.
    const auto over_keys = [&](std::int64_t size) {
      return plan(rows, size, keys, {keys, 1}, {key_row(size), 1}, query_row(size));
    };
    // Sums over queries, for each key.
    const auto over_queries = [&](std::int64_t size, bool more) {
      return plan(
          keys, size, rows, {1, keys}, {query_row(size), 1}, key_row(size), {.accumulate = more});
    };
    scores = pair(p.size);
    combined = over_keys(p.value_size);
    if (!backward) return;
    dweights = pair(p.value_size);
    dquery = over_keys(p.size);
    for (const bool more : {false, true}) {
      dkey[more] = over_queries(p.size, more);
      dvalue[more] = over_queries(p.value_size, more);
    }
  }
  bool fit(std::int64_t rows, std::int64_t keys) const { return rows == rows_ && keys == keys_; }

 private:
  std::int64_t rows_, keys_;

 public:
  MatmulPlan scores, combined, dweights, dquery;
  MatmulPlan dkey[2], dvalue[2];
};

// Some queries of one head. `keys` counts those that any of them sees.
struct Block {
  std::int64_t sample, head, first, rows, keys;
};

template <class T>
void scale_rows(const T* from, std::int64_t row, std::int64_t rows, std::int64_t n, T by, T* to) {
  for (std::int64_t i = 0; i < rows; ++i, from += row, to += n) {
    for (std::int64_t j = 0; j < n; ++j) to[j] = from[j] * by;
  }
}

template <class T>
void add_row(const T* from, std::int64_t step, std::int64_t n, T* to) {
  if (step == 1) {
    for (std::int64_t j = 0; j < n; ++j) to[j] += from[j];
  } else {
    for (std::int64_t j = 0; j < n; ++j) to[j] += from[j * step];
  }
}

template <class T>
void hide_row(const bool* seen, std::int64_t step, std::int64_t n, T hidden, T* to) {
  if (step == 0) {
    if (!*seen) std::fill_n(to, n, hidden);
  } else if (step == 1) {
    for (std::int64_t j = 0; j < n; ++j) to[j] = seen[j] ? to[j] : hidden;
  } else {
    for (std::int64_t j = 0; j < n; ++j) to[j] = seen[j * step] ? to[j] : hidden;
  }
}

// All of one call, typed.
template <class T>
class Attention {
 public:
  Attention(const AttentionPlan& plan, const AttentionInputs& arrays)
      : p_(plan),
        in_(arrays),
        kept_(keeps_attention_weights(plan.queries, plan.keys)),
        softmax_(softmax_loops(SoftmaxOp::softmax, plan.dtype)),
        softmax_grad_(softmax_loops(SoftmaxOp::softmax_grad, plan.dtype)) {}

  void forward(const AttentionForward& out, void* workspace) const {
    each_block(false, workspace, [&](const Products& products, const Block& b, T* own) {
      T* weights = kept_ ? kept(out.weights, b) : own;
      make_weights(products, b, weights, own + Scratch(p_, false).weights);
      products.combined(weights, value_at(in_.value, b), query_at(out.y, b, p_.value_size));
    });
  }

  void backward(const AttentionBackward& a, void* workspace) const {
    const Scratch scratch(p_, true);
    each_block(true, workspace, [&](const Products& products, const Block& b, T* own) {
      T* scaled = own + scratch.weights + scratch.gradients;
      const T* weights = own;
      if (kept_)
        weights = kept(const_cast<void*>(a.weights), b);
      else
        make_weights(products, b, own, scaled);
      back(products, b, a, weights, own + scratch.weights, scaled);
    });
  }

 private:
  // body(products, block, scratch memory) for all blocks: those that add to the same keys one after
  // the other.
  template <class F>
  void each_block(bool backward, void* workspace, F&& body) const {
    const std::int64_t items = p_.batch * p_.own_heads, grain = (items + kPieces - 1) / kPieces;
    const std::int64_t block_rows = rows_of(p_), scratch = Scratch(p_, backward).all();
    const auto part = [&](std::int64_t begin, std::int64_t end, T* own) {
      Products products(p_, backward, block_rows, keys_of(0, block_rows));
      for (std::int64_t item = begin; item < end; ++item) {
        for (std::int64_t i = 0; i < p_.group(); ++i) {
          Block b{item / p_.own_heads, item % p_.own_heads * p_.group() + i, 0, 0, 0};
          for (; b.first < p_.queries; b.first += b.rows) {
            b.rows = std::min(block_rows, p_.queries - b.first);
            b.keys = keys_of(b.first, b.rows);
            if (!products.fit(b.rows, b.keys)) products = Products(p_, backward, b.rows, b.keys);
            body(products, b, own);
          }
        }
      }
    };
    T* memory = static_cast<T*>(workspace);
    if (items == 0 || p_.queries == 0) return;
    const double work = static_cast<double>(p_.batch * p_.heads * p_.queries) *
                        static_cast<double>(p_.keys * (p_.size + p_.value_size));
    if (work < kThreadWork || num_threads() == 1) return part(0, items, memory);
    parallel_for(items, grain, [&](std::int64_t begin, std::int64_t end) {
      part(begin, end, memory + begin / grain * scratch);
    });
  }
  // Under a mask a query may see no key, and then takes the mean of all.
  std::int64_t keys_of(std::int64_t first, std::int64_t rows) const {
    const bool fewer = p_.is_causal && in_.mask == nullptr && !kept_;
    return fewer ? std::min(p_.keys, first + rows) : p_.keys;
  }

  // Of arrays with the queries' heads, with the keys', and of what is kept.
  template <class A>
  auto query_at(A* array, const Block& b, std::int64_t size) const {
    using E = std::conditional_t<std::is_const_v<A>, const T, T>;
    return static_cast<E*>(array) + ((b.sample * p_.queries + b.first) * p_.heads + b.head) * size;
  }
  template <class A>
  auto own_at(A* array, const Block& b, std::int64_t size) const {
    using E = std::conditional_t<std::is_const_v<A>, const T, T>;
    return static_cast<E*>(array) +
           (b.sample * p_.keys * p_.own_heads + b.head / p_.group()) * size;
  }
  const T* value_at(const void* array, const Block& b) const {
    return own_at(array, b, p_.value_size);
  }
  T* kept(void* weights, const Block& b) const {
    return static_cast<T*>(weights) +
           ((b.sample * p_.heads + b.head) * p_.queries + b.first) * p_.keys;
  }
  static std::int64_t offset(const std::array<std::int64_t, 4>& strides,
                             const Block& b,
                             std::int64_t row) {
    return b.sample * strides[0] + b.head * strides[1] + (b.first + row) * strides[2];
  }

  void make_weights(const Products& products, const Block& b, T* weights, T* scaled) const {
    scale_rows(query_at(in_.query, b, p_.size),
               p_.heads * p_.size,
               b.rows,
               p_.size,
               static_cast<T>(p_.scale),
               scaled);
    products.scores(scaled, own_at(in_.key, b, p_.size), weights);
    for (std::int64_t i = 0; in_.bias != nullptr && i < b.rows; ++i) {
      add_row(static_cast<const T*>(in_.bias) + offset(p_.bias_strides, b, i),
              p_.bias_strides[3],
              b.keys,
              weights + i * b.keys);
    }
    hide(b, static_cast<T>(kHiddenScore), weights);
    softmax_.rows(weights, nullptr, weights, b.rows, b.keys);
  }
  void hide(const Block& b, T hidden, T* rows) const {
    for (std::int64_t i = 0; i < b.rows; ++i, rows += b.keys) {
      if (in_.mask != nullptr)
        hide_row(
            in_.mask + offset(p_.mask_strides, b, i), p_.mask_strides[3], b.keys, hidden, rows);
      const std::int64_t seen = b.first + i + 1;
      if (p_.is_causal && seen < b.keys) std::fill(rows + seen, rows + b.keys, hidden);
    }
  }

  void back(const Products& products,
            const Block& b,
            const AttentionBackward& a,
            const T* weights,
            T* dscores,
            T* scaled) const {
    const T* dy = query_at(a.dy, b, p_.value_size);
    // The scores' gradient is linear in dy: the scale goes where the elements are fewest.
    scale_rows(
        dy, p_.heads * p_.value_size, b.rows, p_.value_size, static_cast<T>(p_.scale), scaled);
    products.dweights(scaled, value_at(in_.value, b), dscores);
    softmax_grad_.rows(weights, dscores, dscores, b.rows, b.keys);
    hide(b, T{0}, dscores);
    products.dquery(dscores, own_at(in_.key, b, p_.size), query_at(a.dquery, b, p_.size));
    T* dkey = own_at(a.dkey, b, p_.size);
    T* dvalue = own_at(a.dvalue, b, p_.value_size);
    const bool more = b.first > 0 || b.head % p_.group() > 0;
    if (!more && b.keys < p_.keys) {
      clear(dkey + b.keys * p_.own_heads * p_.size, p_.size, b.keys);
      clear(dvalue + b.keys * p_.own_heads * p_.value_size, p_.value_size, b.keys);
    }
    products.dkey[more](dscores, query_at(in_.query, b, p_.size), dkey);
    products.dvalue[more](weights, dy, dvalue);
  }
  // The keys that the first block does not see, from its last one on.
  void clear(T* array, std::int64_t size, std::int64_t first) const {
    for (std::int64_t i = first; i < p_.keys; ++i, array += p_.own_heads * size)
      std::fill_n(array, size, T{0});
  }

  const AttentionPlan& p_;
  const AttentionInputs& in_;
  const bool kept_;
  const SoftmaxLoops softmax_, softmax_grad_;
};

}  // namespace

std::int64_t attention_workspace(const AttentionPlan& plan, bool backward) {
  const std::int64_t pieces = std::min(kPieces, plan.batch * plan.own_heads);
  return Scratch(plan, backward).all() * pieces * static_cast<std::int64_t>(size_of(plan.dtype));
}

void attention_forward(const AttentionPlan& plan,
                       const AttentionInputs& in,
                       const AttentionForward& out,
                       void* workspace) {
  visit_float(plan.dtype, [&]<class T>() { Attention<T>(plan, in).forward(out, workspace); });
}

void attention_backward(const AttentionPlan& plan,
                        const AttentionInputs& in,
                        const AttentionBackward& arrays,
                        void* workspace) {
  if (plan.queries == 0 || plan.heads == 0) {
    const std::int64_t rows = plan.batch * plan.keys * plan.own_heads;
    const auto item = static_cast<std::int64_t>(size_of(plan.dtype));
    std::memset(arrays.dkey, 0, static_cast<std::size_t>(rows * plan.size * item));
    std::memset(arrays.dvalue, 0, static_cast<std::size_t>(rows * plan.value_size * item));
    return;
  }
  visit_float(plan.dtype, [&]<class T>() { Attention<T>(plan, in).backward(arrays, workspace); });
}

}  // namespace nyala::kernels
