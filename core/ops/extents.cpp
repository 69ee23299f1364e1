#include <nyala/core/ops/extents.hpp>

#include <algorithm>

#include <nyala/core/error.hpp>

namespace nyala {

Extents::Extents(const int* values, std::size_t count) {
  if (count == 0 || count > 3)
    throw ValueError("received " + std::to_string(count) + " numbers, expected 1 to 3");
  std::copy(values, values + count, values_.begin());
  count_ = static_cast<std::int8_t>(count);
}

int Extents::largest() const {
  return is_list_ ? *std::max_element(values_.begin(), values_.begin() + count_) : values_[0];
}

std::string Extents::str() const {
  if (!given()) return "None";
  if (!is_list_) return std::to_string(values_[0]);
  std::string text = "(";
  for (int i = 0; i < count_; ++i) text += (i > 0 ? ", " : "") + std::to_string((*this)[i]);
  return text + ")";
}

Extents Extents::spread(int rank, const std::string& who, const char* option, int least) const {
  Extents each = *this;
  if (is_list_ ? count_ != rank : !given()) {
    throw ValueError(who + ": received " + option + " " + str() + ", expected " +
                     std::to_string(rank) + (rank == 1 ? " number" : " numbers"));
  }
  each.count_ = static_cast<std::int8_t>(rank);
  each.is_list_ = true;
  for (int i = 0; i < rank; ++i) {
    if (each[i] >= least) continue;
    throw ValueError(who + ": received " + option + " " + str() + ", expected numbers of " +
                     std::to_string(least) + " or more");
  }
  for (auto i = static_cast<std::size_t>(rank); i < 3; ++i) each.values_[i] = 0;
  return each;
}

Config ConfigCodec<Extents>::to(const Extents& extents) {
  if (!extents.given()) return {};
  if (!extents.is_list()) return extents[0];
  Config list = Config::list();
  for (int i = 0; i < extents.count(); ++i) list.push_back(extents[i]);
  return list;
}

Extents ConfigCodec<Extents>::from(const Config& config) {
  if (config.is_null()) return {};
  if (config.is_int()) return Extents(ConfigCodec<int>::from(config));
  const std::vector<int> values = ConfigCodec<std::vector<int>>::from(config);
  return Extents(values.data(), values.size());
}

}  // namespace nyala
