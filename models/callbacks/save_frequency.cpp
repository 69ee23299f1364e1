#include <nyala/models/callbacks/save_frequency.hpp>

#include <string>

#include <nyala/core/error.hpp>
#include <nyala/core/text.hpp>

namespace nyala::callbacks {

SaveFrequency::SaveFrequency(int batches) : batches_(batches) {
  if (batches < 1)
    throw ValueError("save_freq is " + std::to_string(batches) +
                     ", expected 1 or more, or 'epoch'");
}

SaveFrequency::SaveFrequency(const char* text) {
  if (nyala::detail::text_of(text) != "epoch") {
    throw ValueError("Unrecognized save_freq: " + cut(text) +
                     ". Expected save_freq are 'epoch' or integer values");
  }
}

bool SaveFrequency::is_due(std::int64_t batch) {
  if (by_epoch()) return false;
  // With several steps for each call of a callback, numbers are left out.
  waited_ += batch <= last_batch_ ? batch + 1 : batch - last_batch_;
  last_batch_ = batch;
  if (waited_ < batches_) return false;
  waited_ = 0;
  return true;
}

void SaveFrequency::resume(std::int64_t waited, std::int64_t last_batch) {
  waited_ = waited;
  last_batch_ = last_batch;
}

}  // namespace nyala::callbacks
