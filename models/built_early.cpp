#include <nyala/models/built_early.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace nyala {

bool is_built_early(const std::string& class_name) {
  static constexpr std::array<std::string_view, 15> kClasses = {"Activation",
                                                                "ActivityRegularization",
                                                                "Dropout",
                                                                "ELU",
                                                                "GaussianDropout",
                                                                "GaussianNoise",
                                                                "Identity",
                                                                "InputLayer",
                                                                "LeakyReLU",
                                                                "Masking",
                                                                "ReLU",
                                                                "Reshape",
                                                                "Softmax",
                                                                "UnitNormalization",
                                                                "AlphaDropout"};
  return std::find(kClasses.begin(), kClasses.end(), class_name) != kClasses.end();
}

}  // namespace nyala
