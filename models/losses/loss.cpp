#include <nyala/models/losses/loss.hpp>

#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala {
namespace losses {
namespace {

Reduction::Kind reduction_kind(const std::string& name) {
  using Kind = Reduction::Kind;
  if (name == "none") return Kind::none;
  if (name == "sum") return Kind::sum;
  if (name == "sum_over_batch_size" || name == "mean") return Kind::mean;
  if (name == "mean_with_sample_weight") return Kind::mean_with_sample_weight;
  throw ValueError(
      "reduction \"" + name +
      "\" is unknown; expected sum_over_batch_size, sum, mean, mean_with_sample_weight or none");
}

Tensor reduce(const Tensor& values, const Tensor& sample_weight, Reduction::Kind kind) {
  const Shape& shape = values.shape();
  if (kind == Reduction::Kind::none || shape.rank() == 0 || shape == Shape{0}) return values;
  if (kind == Reduction::Kind::sum) return ops::sum(values);
  if (kind == Reduction::Kind::mean_with_sample_weight && sample_weight.defined())
    return divide_no_nan(ops::sum(values), ops::sum(sample_weight));
  // The mean of nothing is 0.
  if (shape.is_known() && shape.num_elements() == 0) return ops::sum(values);
  return ops::mean(values);
}

// NumPy's broadcasting, with an error that says what was multiplied.
Tensor weighted(const std::string& name, const Tensor& values, const Tensor& weights) {
  try {
    return values * weights;
  } catch (const ShapeError&) {
    throw ShapeError("loss \"" + name + "\": sample weights (or a mask) of shape " +
                     weights.shape().str() + " do not fit its values of shape " +
                     values.shape().str());
  }
}

// A function of the user's own.
class FunctionLoss final : public LossBase {
 public:
  FunctionLoss(LossFunction function, LossOptions options)
      : LossBase(std::move(options)), function_(std::move(function)) {}
  std::string class_name() const override { return "LossFunctionWrapper"; }
  Tensor call(const Tensor& y_true, const Tensor& y_pred) const override {
    const auto [t, p] = to_same_rank(y_true, y_pred);
    Tensor values = function_(t, p);
    if (!values.defined())
      throw ValueError("loss \"" + name() + "\": its function returned an undefined tensor");
    return values;
  }
  Config get_config() const override {
    Config config = LossBase::get_config();
    config["fn"] = name();
    return config;
  }

 private:
  LossFunction function_;
};

// Keras's "crossentropy": the one that fits the shapes.
Tensor any_crossentropy(const Tensor& y_true, const Tensor& y_pred) {
  switch (label_kind(y_true.shape(), y_pred.shape())) {
    case LabelKind::binary: {
      const auto [t, p] = to_same_rank(y_true, y_pred);
      return binary_crossentropy(t, p);
    }
    case LabelKind::sparse: return sparse_categorical_crossentropy(y_true, y_pred);
    default: return categorical_crossentropy(y_true, y_pred);
  }
}

class AnyCrossentropy final : public LossBase {
 public:
  AnyCrossentropy() : LossBase({.name = "crossentropy"}) {}
  std::string class_name() const override { return "crossentropy"; }
  Tensor call(const Tensor& y_true, const Tensor& y_pred) const override {
    return any_crossentropy(y_true, y_pred);
  }
};

std::shared_ptr<LossBase> function_from_config(const Config& config) {
  const Config& fn = config.at("fn");
  const Config& name = fn.is_dict() ? fn.at("config") : fn;
  const auto known = LossBase::registry().from_name(name.as_string());
  LossOptions options{.name = known->name()};
  if (const Config* given = config.find("name")) options.name = given->as_string();
  if (const Config* given = config.find("reduction"))
    options.reduction = ConfigCodec<Reduction>::from(*given);
  return from_function([known](const Tensor& t, const Tensor& p) { return known->call(t, p); },
                       options);
}

}  // namespace

Reduction::Reduction(const std::string& name) : kind_(reduction_kind(name)), name_(name) {}

LossBase::LossBase(LossOptions options)
    : options_(std::move(options)), dtype_(options_.dtype ? options_.dtype->value : floatx()) {
  if (!is_floating(dtype_)) {
    throw TypeError("loss \"" + options_.name + "\": received dtype " +
                    std::string(name_of(dtype_)) + ", expected a floating one");
  }
}

Tensor LossBase::operator()(const Tensor& y_true,
                            const Tensor& y_pred,
                            const Tensor& sample_weight) const {
  if (!y_true.defined() || !y_pred.defined())
    throw ValueError("loss \"" + name() + "\": received an undefined " +
                     (y_pred.defined() ? "y_true" : "y_pred"));
  Tensor mask = y_pred.mask();
  const Tensor targets = takes_any_targets() ? y_true : ops::cast(y_true, dtype_);
  const Tensor values = ops::cast(call(targets, ops::cast(y_pred, dtype_)), dtype_);
  if (const Tensor own = values.mask(); own.defined())
    mask = mask.defined() ? ops::logical_and(mask, own) : own;

  const Reduction::Kind kind = options_.reduction.kind();
  const Tensor weights = apply_mask(sample_weight, mask, dtype_, kind == Reduction::Kind::mean);
  if (!weights.defined()) return reduce(values, {}, kind);
  const auto [v, w] = to_same_rank(values, weights);
  return reduce(weighted(name(), v, w), w, kind);
}

Config LossBase::get_config() const {
  Config config = Config::dict();
  config["name"] = name();
  config["reduction"] = ConfigCodec<Reduction>::to(reduction());
  return config;
}

ObjectRegistry<LossBase>& LossBase::registry() {
  static ObjectRegistry<LossBase> losses(
      "loss",
      {
#define LOSS(Class, function, ...)                 \
  {{#Class, #function __VA_OPT__(, ) __VA_ARGS__}, \
   [](const Config& config) { return from_saved<Class##Args>(#Class, config); }},
#include <nyala/models/losses/losses.def>
#undef LOSS
          {{"crossentropy", "Crossentropy", "ce", "CE"},
           [](const Config&) { return std::make_shared<AnyCrossentropy>(); }},
          {{"LossFunctionWrapper"}, function_from_config}});
  return losses;
}

Tensor Loss::operator()(const Tensor& y_true,
                        const Tensor& y_pred,
                        const Tensor& sample_weight) const {
  return at("operator()")(y_true, y_pred, sample_weight);
}

Loss Loss::known(void (*function)()) {
  if (function == nullptr) throw ValueError("a loss was made of a null function");
  const std::string name = detail::function_name(function);
  if (name.empty()) {
    throw ValueError(
        "a loss was made of a function with options of its own; wrap it in a lambda of y_true and "
        "y_pred");
  }
  return Loss(name);
}

Loss Loss::known_or(Tensor (*function)(const Tensor&, const Tensor&)) {
  if (!detail::function_name(reinterpret_cast<void (*)()>(function)).empty())
    return known(reinterpret_cast<void (*)()>(function));
  return Loss(from_function(function, {.name = "loss"}));
}

std::shared_ptr<LossBase> from_function(LossFunction function, LossOptions options) {
  if (!function) throw ValueError("loss \"" + options.name + "\": received an empty function");
  return std::make_shared<FunctionLoss>(std::move(function), std::move(options));
}

void register_loss(const std::string& name, LossFunction function) {
  if (!function) throw ValueError("register_loss: received an empty function for \"" + name + '"');
  LossBase::registry().add({{name}, [name, function = std::move(function)](const Config&) {
                              return from_function(function, {.name = name});
                            }});
}

}  // namespace losses

losses::Reduction ConfigCodec<losses::Reduction>::from(const Config& config) {
  if (config.is_null()) return nullptr;
  if (config.as_string() == "auto") return "sum_over_batch_size";
  return config.as_string();
}

}  // namespace nyala
