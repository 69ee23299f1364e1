#pragma once
/// Checkpoint: what a run of `fit` needs to go on where it was broken off, so that it ends with the
/// same bits. BackupAndRestore makes and reads them.
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/callbacks/callback.hpp>
#include <nyala/models/training/epoch_iterator.hpp>

namespace nyala {

struct Checkpoint {
  /// The epoch to go on with, from 0, and where in it.
  int epoch = 0;
  EpochIterator::Position position = {};
  /// Whether a callback has ended the training.
  bool stopped = false;
  /// The values of the variables of the layer, the optimizer and the metrics.
  std::vector<Tensor> weights = {};
  std::vector<Tensor> optimizer = {};
  std::vector<Tensor> metrics = {};
  /// What stateful recurrent layers keep between batches.
  std::vector<Tensor> states = {};
  /// The program's generator, and all others: those of layers.
  Tensor generator = {};
  std::vector<Tensor> seeds = {};
  std::vector<std::pair<std::size_t, callbacks::CallbackState>> callbacks = {};
};

/// A checkpoint as an .npz file, whose members carry checksums. Saving replaces what is at `path`
/// only when every byte is on the disk; throws IoError. Loading throws IoError, or FormatError for
/// bytes that are no checkpoint.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
Checkpoint load_checkpoint(const std::string& path);

}  // namespace nyala
