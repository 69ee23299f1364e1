#include <nyala/layers/regularizers.hpp>

namespace nyala::regularizers {
ObjectRegistry<RegularizerBase>& RegularizerBase::registry() {
  static ObjectRegistry<RegularizerBase> instance("regularizer", {});
  return instance;
}
}  // namespace nyala::regularizers
