#pragma once
/// The optimizer's variables of legacy files. Private to the readers.
#include <string>
#include <vector>

#include <nyala/models/model_base.hpp>
#include <nyala/models/saving/legacy_weights.hpp>

namespace nyala::saving {

/// Sets iteration, learning rate and slots from a file's list. Where the list does not fit, the
/// optimizer starts anew and a warning says so.
void load_legacy_optimizer(const ModelBase& model,
                           const std::vector<std::string>& names,
                           std::vector<StoredTensor> stored,
                           const LegacyOrigin& origin);

}  // namespace nyala::saving
