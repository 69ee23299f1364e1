#include <nyala/core/kernels/gather.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

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

// In pieces of a size that the compiler knows: a call of memcpy costs more than a short row.
void copy_row(std::byte* to, const std::byte* from, std::int64_t bytes) {
  constexpr std::int64_t piece = 32;
  if (bytes % piece != 0 || bytes > 16 * piece) {
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
    return;
  }
  for (std::int64_t k = 0; k < bytes; k += piece) std::memcpy(to + k, from + k, piece);
}

}  // namespace

void gather(const IndexedAxis& at, const void* table, const std::int64_t* indices, void* out) {
  const DType dtype = at.dtype;
  const std::int64_t outer = at.outer, axis_size = at.axis_size, inner = at.inner, count = at.count;
  const std::int64_t row = inner * static_cast<std::int64_t>(size_of(dtype));
  if (row == 0 || outer == 0 || count == 0) return;
  const auto* from = static_cast<const std::byte*>(table);
  auto* to = static_cast<std::byte*>(out);
  parallel_for(outer * count,
               std::max<std::int64_t>(kGrain / row, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 visit_size(
                     row == 4 || row == 8 ? static_cast<std::size_t>(row) : 1, [&]<class T>(T) {
                       std::int64_t next = begin % count;
                       const std::byte* rows = from + begin / count * axis_size * row;
                       for (std::int64_t i = begin; i < end; ++i) {
                         std::memcpy(to + i * row,
                                     rows + indices[next] * row,
                                     sizeof(T) > 1 ? sizeof(T) : static_cast<std::size_t>(row));
                         if (++next < count) continue;
                         next = 0;
                         rows += axis_size * row;
                       }
                     });
               });
}

void scatter_add(const IndexedAxis& at,
                 void* table,
                 const std::int64_t* indices,
                 const void* updates) {
  const DType dtype = at.dtype;
  const std::int64_t outer = at.outer, axis_size = at.axis_size, inner = at.inner, count = at.count;
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

void gather_elements(const IndexedAxis& at,
                     const void* table,
                     const std::int64_t* indices,
                     void* out) {
  const DType dtype = at.dtype;
  const std::int64_t outer = at.outer, axis_size = at.axis_size, inner = at.inner, count = at.count;
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

void scatter_add_elements(const IndexedAxis& at,
                          void* table,
                          const std::int64_t* indices,
                          const void* updates) {
  const DType dtype = at.dtype;
  const std::int64_t outer = at.outer, axis_size = at.axis_size, inner = at.inner, count = at.count;
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

std::int64_t distinct(const std::int64_t* indices,
                      std::int64_t count,
                      std::int64_t* rows,
                      std::int64_t* places) {
  // An open hash table of places in `rows`, at most half full, kept for the next call.
  thread_local std::vector<std::int64_t> table;
  const auto bits = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(count))) + 1;
  const std::size_t size = std::size_t{1} << bits;
  if (table.size() < size) table.resize(size);
  std::fill_n(table.begin(), size, -1);
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::size_t at = (static_cast<std::uint64_t>(indices[i]) * 0x9E3779B97F4A7C15u) >> (64 - bits);
    while (table[at] >= 0 && rows[table[at]] != indices[i]) at = (at + 1) & (size - 1);
    if (table[at] < 0) {
      table[at] = found;
      rows[found++] = indices[i];
    }
    places[i] = table[at];
  }
  return found;
}

void take_rows(const void* table,
               std::int64_t num_rows,
               std::int64_t row_bytes,
               const std::int64_t* rows,
               std::int64_t count,
               void* out) {
  const auto* from = static_cast<const std::byte*>(table);
  auto* to = static_cast<std::byte*>(out);
  if (row_bytes == 0) return;
  parallel_for(count,
               std::max<std::int64_t>(kGrain / row_bytes, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   if (rows[i] >= 0 && rows[i] < num_rows)
                     copy_row(to + i * row_bytes, from + rows[i] * row_bytes, row_bytes);
                   else
                     std::memset(to + i * row_bytes, 0, static_cast<std::size_t>(row_bytes));
                 }
               });
}

void put_rows(void* table,
              std::int64_t num_rows,
              std::int64_t row_bytes,
              const std::int64_t* rows,
              std::int64_t count,
              const void* values) {
  auto* to = static_cast<std::byte*>(table);
  const auto* from = static_cast<const std::byte*>(values);
  if (row_bytes == 0 || count == 0) return;
  // Split by columns: each address is written by one piece, in the order of i.
  constexpr std::int64_t tile = 256;
  const std::int64_t tiles = (row_bytes - 1) / tile + 1;
  const std::int64_t grain =
      std::max<std::int64_t>(kGrain / (std::min(tile, row_bytes) * count), 1);
  parallel_for(tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * tile, n = std::min(end * tile, row_bytes) - first;
    for (std::int64_t i = 0; i < count; ++i) {
      if (rows[i] < 0 || rows[i] >= num_rows) continue;
      copy_row(to + rows[i] * row_bytes + first, from + i * row_bytes + first, n);
    }
  });
}

void one_hot(
    DType dtype, const std::int64_t* indices, std::int64_t count, std::int64_t depth, void* out) {
  if (depth == 0) return;
  visit_stored(dtype, [&]<class T>() {
    T* to = static_cast<T*>(out);
    std::fill_n(to, count * depth, static_cast<T>(0));
    for (std::int64_t i = 0; i < count; ++i) {
      if (indices[i] >= 0 && indices[i] < depth) to[i * depth + indices[i]] = static_cast<T>(1);
    }
  });
}

}  // namespace nyala::kernels
