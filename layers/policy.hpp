#pragma once
/// DTypePolicy: in which dtype a layer computes, and in which it keeps its weights.
#include <string>

#include <nyala/core/fields.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Given by a dtype or by name: `float64`, "float64", "mixed_float16", "mixed_bfloat16". The mixed
/// ones compute in 16 bits and keep weights in float32: with products of bfloat16, which Dense and
/// attention layers are made of, faster than float32 on a CPU that has AVX512-BF16. Convolutions
/// and all of float16 are computed in float32 and rounded. Unset, it is `dtype_policy()` when the
/// layer is made.
class DTypePolicy {
 public:
  DTypePolicy() = default;
  DTypePolicy(DType dtype);
  DTypePolicy(const char* name) : DTypePolicy(detail::text_of(name)) {}
  /// Throws ValueError for a name that is none.
  DTypePolicy(const std::string& name);

  bool is_set() const { return !name_.empty(); }
  const std::string& name() const { return name_; }
  DType compute_dtype() const { return compute_; }
  DType variable_dtype() const { return variable_; }

 private:
  std::string name_;
  DType compute_ = DType::float32;
  DType variable_ = DType::float32;
};

/// The policy of layers that name none, as `keras.config.dtype_policy`: floatx at first.
DTypePolicy dtype_policy();
void set_dtype_policy(const DTypePolicy& policy);

/// Written as Keras 3's DTypePolicy object; read from it, from a plain name, and from Keras 2's
/// Policy.
template <>
struct ConfigCodec<DTypePolicy> {
  static Config to(const DTypePolicy& policy);
  static DTypePolicy from(const Config& config);
};

}  // namespace nyala

#pragma GCC visibility pop
