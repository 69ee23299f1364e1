#pragma once
/// What tf.keras 2.x writes in other words than Keras 3. Private to the reader.
#include <nyala/layers/symbol.hpp>
#include <nyala/models/saving/json_records.hpp>

namespace nyala::saving {

/// Gives activations that Keras 1 and 2 compute in another way names of their own, in the records
/// of a model that these wrote: its "keras_version" says so, or the lack of modules.
void keep_old_activations(Config& record);
/// Whether a record is a call of a TensorFlow function (TFOpLambda, SlicingOpLambda).
bool is_old_operation(const Config& record);
/// Adds the op of Keras 3 that does the same; throws UnsupportedError when there is none.
std::vector<Symbol> call_old_operation(const Config& record,
                                       const CallRecord& call,
                                       const std::vector<Symbol>& symbols,
                                       const std::string& name);

}  // namespace nyala::saving
