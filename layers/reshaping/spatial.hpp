#pragma once
/// What layers that cut from and add to spatial axes share. Not part of the public API.
#include <array>
#include <string>

#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {

inline std::array<Margin, 1> each_margin(const Margin& margin) { return {margin}; }
template <int kRank>
const std::array<Margin, kRank>& each_margin(const Margins<kRank>& margins) {
  return margins.each();
}

/// "((1, 0), (2, 3))"
template <class Margins>
std::string margins_text(const Margins& margins) {
  return ConfigCodec<Margins>::to(margins).str();
}

/// Throws ValueError, naming the layer and the option, for a number below 0.
template <class Margins>
void expect_no_negative(const std::string& label, const char* option, const Margins& margins) {
  for (const Margin& margin : each_margin(margins)) {
    if (margin.before >= 0 && margin.after >= 0) continue;
    throw ValueError(label + ": received " + option + " " + margins_text(margins) +
                     ", expected numbers of 0 or more");
  }
}

/// The first spatial axis.
template <class Args>
int first_spatial_axis(const Args& args) {
  if constexpr (requires { args.data_format; })
    return args.data_format.channels_first() ? 2 : 1;
  else
    return 1;
}

}  // namespace nyala::layers
