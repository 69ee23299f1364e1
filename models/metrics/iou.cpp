#include <numeric>

#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

// How one of the five reads its inputs and which classes count.
struct IoUSettings {
  int num_classes = 2;
  std::vector<int> targets;
  std::optional<int> ignore_class = {};
  bool sparse_y_true = true;
  bool sparse_y_pred = true;
  int axis = -1;
};

std::vector<int> all_classes(int count) {
  std::vector<int> classes(static_cast<std::size_t>(count));
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

// Keeps the confusion matrix: rows are true classes, columns predicted ones.
class IoUBase : public MetricBase {
 public:
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    const Tensor t = classes_of(y_true, settings_.sparse_y_true);
    const Tensor p = classes_of(y_pred, settings_.sparse_y_pred);
    if (t.shape() != p.shape()) {
      throw ShapeError("metric \"" + name() + "\": received y_true of shape " +
                       y_true.shape().str() + " and y_pred of shape " + y_pred.shape().str() +
                       ", which do not fit");
    }
    Tensor w = weight.defined() ? ops::cast(weight, dtype()) : Tensor::scalar(1, dtype());
    if (w.rank() > 1) w = ops::reshape(w, {-1});
    w = ops::broadcast_to(w, t.shape());

    const int n = settings_.num_classes;
    Tensor counted =
        ops::logical_and(ops::logical_and(t >= 0, t < n), ops::logical_and(p >= 0, p < n));
    if (settings_.ignore_class)
      counted = ops::logical_and(counted, ops::not_equal(t, *settings_.ignore_class));
    // A place out of range counts nowhere.
    const Tensor place = ops::where(counted, t * n + p, -1);
    const Tensor counts = ops::segment_sum(w, place, {.num_segments = std::int64_t{n} * n});
    matrix_.assign_add(ops::reshape(counts, {n, n}));
  }

  Tensor result() const override {
    const Tensor matrix = matrix_;
    const Tensor hits = ops::diagonal(matrix);
    const Tensor unions = ops::sum(matrix, {.axis = 0}) + ops::sum(matrix, {.axis = 1}) - hits;
    const auto of_targets = [&](const Tensor& x) {
      const auto ids = Tensor::from(settings_.targets);
      return ops::cast(ops::take(x, ids, {.axis = 0}), DType::float32);
    };
    const Tensor size = of_targets(unions);
    const Tensor occurs = size > 1e-9;
    const Tensor iou = ops::where(occurs, of_targets(hits) / (size + kEpsilon), 0);
    return ops::sum(iou) / (ops::sum(ops::cast(occurs, DType::float32)) + kEpsilon);
  }

 protected:
  IoUBase(MetricOptions options, std::string_view class_name)
      : MetricBase({options.name,
                    options.dtype ? *options.dtype : DTypeLike(DType::int64),
                    options.direction},
                   class_name) {}

  void configure(IoUSettings settings) {
    for (int target : settings.targets) {
      if (target < 0 || target >= settings.num_classes) {
        throw ValueError("metric \"" + name() + "\": received target class " +
                         std::to_string(target) + ", expected one below " +
                         std::to_string(settings.num_classes));
      }
    }
    settings_ = std::move(settings);
    const std::int64_t n = settings_.num_classes;
    matrix_ = add_variable("total_confusion_matrix", {n, n});
  }

 private:
  Tensor classes_of(const Tensor& x, bool sparse) const {
    const Tensor classes = sparse ? x : ops::argmax(x, {.axis = settings_.axis});
    return ops::reshape(ops::cast(classes, DType::int64), {-1});
  }

  IoUSettings settings_;
  Variable matrix_;
};

#define NYALA_IOU(Name, ...)                                                    \
  class Name##Impl final : public MetricImpl<IoUBase, Name##Args, Name##Impl> { \
   public:                                                                      \
    static constexpr const char* kName = #Name;                                 \
    static constexpr Direction kDirection = Direction::up;                      \
    explicit Name##Impl(Name##Args given) : MetricImpl(std::move(given)) {      \
      const Name##Args& a = args();                                             \
      configure(__VA_ARGS__);                                                   \
    }                                                                           \
    NYALA_IOU_BODY                                                              \
  };

#define NYALA_IOU_BODY
NYALA_IOU(IoU,
          {a.num_classes,
           a.target_class_ids.value,
           a.ignore_class,
           a.sparse_y_true,
           a.sparse_y_pred,
           a.axis})
NYALA_IOU(MeanIoU,
          {a.num_classes,
           all_classes(a.num_classes),
           a.ignore_class,
           a.sparse_y_true,
           a.sparse_y_pred,
           a.axis})
NYALA_IOU(OneHotIoU,
          {a.num_classes, a.target_class_ids.value, a.ignore_class, false, a.sparse_y_pred, a.axis})
NYALA_IOU(
    OneHotMeanIoU,
    {a.num_classes, all_classes(a.num_classes), a.ignore_class, false, a.sparse_y_pred, a.axis})
#undef NYALA_IOU_BODY
#define NYALA_IOU_BODY                                                                           \
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override { \
    check_inputs(*this, y_true, y_pred);                                                         \
    const Tensor p = ops::cast(y_pred, DType::float32) >= args().threshold;                      \
    IoUBase::update_state(y_true, ops::cast(p, DType::int64), weight);                           \
  }
NYALA_IOU(BinaryIoU, {2, a.target_class_ids})
#undef NYALA_IOU_BODY
#undef NYALA_IOU

}  // namespace

NYALA_MAKE_METRIC(IoU)
NYALA_MAKE_METRIC(MeanIoU)
NYALA_MAKE_METRIC(BinaryIoU)
NYALA_MAKE_METRIC(OneHotIoU)
NYALA_MAKE_METRIC(OneHotMeanIoU)

}  // namespace nyala::metrics
