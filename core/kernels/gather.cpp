#include <nyala/core/kernels/gather.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/kernels/layout.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Bytes that a piece of parallel work moves.
constexpr std::int64_t kGrain = 1 << 18;

template <class T>
void add_row(T* into, const T* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) into[i] = scalar::binary<Binary::add>(into[i], x[i]);
}

}  // namespace

void gather(DType dtype,
            const void* table,
            std::int64_t outer,
            std::int64_t axis_size,
            std::int64_t inner,
            const std::int64_t* indices,
            std::int64_t count,
            void* out) {
  const std::int64_t row = inner * static_cast<std::int64_t>(size_of(dtype));
  if (row == 0 || outer == 0 || count == 0) return;
  const std::byte* from = static_cast<const std::byte*>(table);
  std::byte* to = static_cast<std::byte*>(out);
  parallel_for(outer * count,
               std::max<std::int64_t>(kGrain / row, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 visit_size(
                     row == 4 || row == 8 ? static_cast<std::size_t>(row) : 1, [&]<class T>(T) {
                       std::int64_t at = begin % count;
                       const std::byte* rows = from + begin / count * axis_size * row;
                       for (std::int64_t i = begin; i < end; ++i) {
                         std::memcpy(to + i * row,
                                     rows + indices[at] * row,
                                     sizeof(T) > 1 ? sizeof(T) : static_cast<std::size_t>(row));
                         if (++at < count) continue;
                         at = 0;
                         rows += axis_size * row;
                       }
                     });
               });
}

void scatter_add(DType dtype,
                 void* table,
                 std::int64_t outer,
                 std::int64_t axis_size,
                 std::int64_t inner,
                 const std::int64_t* indices,
                 std::int64_t count,
                 const void* updates) {
  if (inner == 0 || outer == 0) return;
  visit_dtype(dtype, [&]<class T>() {
    T* into = static_cast<T*>(table);
    const T* from = static_cast<const T*>(updates);
    // Split by columns and by outer index: each address is written by one piece, in the order of i.
    constexpr std::int64_t tile = 64;
    const std::int64_t tiles = (inner - 1) / tile + 1;
    const std::int64_t grain = std::max<std::int64_t>(
        kGrain / (std::min(tile, inner) * std::max<std::int64_t>(count, 1)), 1);
    parallel_for(outer * tiles, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t o = piece / tiles, first = piece % tiles * tile;
        const std::int64_t n = std::min(tile, inner - first);
        for (std::int64_t i = 0; i < count; ++i) {
          add_row(into + (o * axis_size + indices[i]) * inner + first,
                  from + (o * count + i) * inner + first,
                  n);
        }
      }
    });
  });
}

void gather_elements(DType dtype,
                     const void* table,
                     std::int64_t outer,
                     std::int64_t axis_size,
                     std::int64_t inner,
                     const std::int64_t* indices,
                     std::int64_t count,
                     void* out) {
  if (inner == 0 || count == 0) return;
  visit_size(size_of(dtype), [&]<class T>(T) {
    const T* from = static_cast<const T*>(table);
    T* to = static_cast<T*>(out);
    const std::int64_t grain = std::max<std::int64_t>(kGrain / (8 * inner), 1);
    parallel_for(outer * count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* base = from + i / count * axis_size * inner;
        for (std::int64_t k = 0; k < inner; ++k)
          to[i * inner + k] = base[indices[i * inner + k] * inner + k];
      }
    });
  });
}

void scatter_add_elements(DType dtype,
                          void* table,
                          std::int64_t outer,
                          std::int64_t axis_size,
                          std::int64_t inner,
                          const std::int64_t* indices,
                          std::int64_t count,
                          const void* updates) {
  if (inner == 0 || count == 0) return;
  visit_dtype(dtype, [&]<class T>() {
    T* into = static_cast<T*>(table);
    const T* from = static_cast<const T*>(updates);
    const std::int64_t grain = std::max<std::int64_t>(kGrain / (8 * inner * count), 1);
    parallel_for(outer, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * count; i < end * count; ++i) {
        T* base = into + i / count * axis_size * inner;
        for (std::int64_t k = 0; k < inner; ++k)
          add_row(base + indices[i * inner + k] * inner + k, from + i * inner + k, 1);
      }
    });
  });
}

void one_hot(
    DType dtype, const std::int64_t* indices, std::int64_t count, std::int64_t depth, void* out) {
  if (depth == 0) return;
  visit_dtype(dtype, [&]<class T>() {
    T* to = static_cast<T*>(out);
    std::fill_n(to, count * depth, T{0});
    for (std::int64_t i = 0; i < count; ++i) {
      if (indices[i] >= 0 && indices[i] < depth) to[i * depth + indices[i]] = T{1};
    }
  });
}

}  // namespace nyala::kernels
