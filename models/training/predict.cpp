// The loop of predict.
#include <algorithm>
#include <cstring>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/callbacks/progbar_logger.hpp>
#include <nyala/models/training/epoch_iterator.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

using callbacks::Callback;
using callbacks::CallbackList;
using callbacks::CallbackRef;

// One output over all batches: written into one tensor when its number of rows is known.
class Rows {
 public:
  // `total` is -1 when it is not known.
  explicit Rows(std::int64_t total) : total_(total) {}

  void add(const Tensor& part, std::int64_t samples) {
    if (parts_.empty() && !whole_.defined() && part.rank() > 0 && part.shape()[0] == samples &&
        samples < total_) {
      Shape shape = part.shape();
      shape[0] = total_;
      whole_ = Tensor::empty(shape, part.dtype());
    }
    if (whole_.defined() && fits(part)) {
      const Tensor rows = part.contiguous();
      const std::size_t row = whole_.nbytes() / static_cast<std::size_t>(total_);
      if (rows.nbytes() > 0) {
        std::memcpy(static_cast<std::byte*>(whole_.mutable_data()) +
                        static_cast<std::size_t>(filled_) * row,
                    rows.data(),
                    rows.nbytes());
      }
      filled_ += part.shape()[0];
      return;
    }
    if (whole_.defined()) parts_.push_back(take());
    parts_.push_back(part);
  }

  Tensor take() {
    if (whole_.defined()) {
      Tensor rows = std::move(whole_);
      whole_ = Tensor();
      if (filled_ == total_) return rows;
      Shape shape = rows.shape();
      shape[0] = filled_;
      return Tensor::strided(rows, shape, rows.strides(), 0).clone();
    }
    return parts_.size() == 1 ? parts_[0] : ops::concatenate(parts_);
  }

 private:
  bool fits(const Tensor& part) const {
    if (part.rank() != whole_.rank() || part.dtype() != whole_.dtype()) return false;
    for (int axis = 1; axis < part.rank(); ++axis) {
      if (part.shape()[axis] != whole_.shape()[axis]) return false;
    }
    return part.shape()[0] <= total_ - filled_;
  }

  std::int64_t total_;
  std::int64_t filled_ = 0;
  Tensor whole_;
  std::vector<Tensor> parts_;
};

}  // namespace

std::vector<Tensor> Trainer::predict(const Data& x, const PredictArgs& args) {
  const Batch arrays{x, {}, {}};
  const std::int64_t samples = detail::count_samples(arrays);
  const std::int64_t size = detail::choose_batch_size(args.batch_size, args.steps, samples);
  ArraySource source(arrays, {.batch_size = size});
  // Compared by division: the product may overflow.
  const bool all = !args.steps || *args.steps < 1 || *args.steps > samples / size;
  return predict_source(source, args, all ? samples : *args.steps * size);
}

std::vector<Tensor> Trainer::predict(DataSource& source, const PredictArgs& args) {
  return predict_source(source, args, -1);
}

std::vector<Tensor> Trainer::predict_source(DataSource& source,
                                            const PredictArgs& args,
                                            std::int64_t samples) {
  expect_no_training_elsewhere("predict");
  const GradientTape::Pause pause;
  EpochIterator batches(source, args.steps);
  const int verbose = args.verbose.level();
  std::vector<CallbackRef> all = args.callbacks;
  if (verbose != 0) all.emplace_back(callbacks::ProgbarLogger());
  CallbackList list(std::move(all), *this, {.verbose = verbose, .steps = batches.num_batches()});

  std::vector<Rows> outputs;
  list.call(&Callback::on_predict_begin);
  batches.begin_epoch();
  while (std::optional<Batch> batch = batches.next()) {
    const std::int64_t step = batches.step() - 1;
    list.call(&Callback::on_predict_batch_begin, step);
    if (step == 0) prepare(*batch, false);
    const Tensors parts = predict_batch(*batch);
    if (step == 0) outputs.assign(parts.size(), Rows(samples));
    const std::int64_t rows = batch->x.tensors()[0].shape()[0];
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].add(parts[i], rows);
    list.call(&Callback::on_predict_batch_end, step);
  }
  list.call(&Callback::on_predict_end);
  std::vector<Tensor> results;
  for (Rows& output : outputs) results.push_back(output.take());
  return results;
}

}  // namespace nyala
