#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/models/metrics.hpp>

namespace nyala {
namespace {

using metrics::Direction;
using metrics::Metric;
using metrics::MetricBase;

float value(const Metric& metric) { return metric.result().item<float>(); }

}  // namespace

TEST_CASE("a metric follows batches until it is reset") {
  const metrics::Mean mean;
  mean.update_state(ops::array<float>({1, 3}));
  mean.update_state(ops::array<float>({8}));
  CHECK(value(mean) == 4.0f);
  mean.update_state(ops::array<float>({10, 20}), ops::array<float>({0, 1}));
  CHECK(value(mean) == 8.0f);
  mean.reset_state();
  CHECK(value(mean) == 0.0f);
  CHECK_THROWS_AS(mean->update_state(ops::ones({2}), ops::ones({2}), ops::ones({2})), TypeError);
  const metrics::Sum sum;
  CHECK(sum(ops::array<float>({1, 3}), ops::array<float>({1, 2})).item<float>() == 7.0f);
}

TEST_CASE("\"accuracy\" fits the shapes and bears the name it was asked for by") {
  const Tensor scores = ops::array<float>({{0.1, 0.9}, {0.8, 0.2}, {0.3, 0.7}});
  for (const char* name : {"accuracy", "acc", "Accuracy"}) {
    const Metric metric(name);
    CHECK(metric.name() == name);
    metric.update_state(ops::array<int>({1, 0, 0}), scores);
    CHECK(value(metric) == doctest::Approx(2.0 / 3));
  }
  const Metric one_hot("accuracy");
  one_hot.update_state(ops::array<float>({{0, 1}, {1, 0}, {1, 0}}), scores);
  CHECK(value(one_hot) == doctest::Approx(2.0 / 3));
  const Metric binary("accuracy");
  binary.update_state(ops::array<int>({1, 0, 1}), ops::array<float>({{0.9}, {0.4}, {0.2}}));
  CHECK(value(binary) == doctest::Approx(2.0 / 3));
  CHECK(Metric("mae").name() == "mae");
  CHECK(Metric("mae")->class_name() == "MeanAbsoluteError");
  CHECK_THROWS_AS(Metric("crossentropy"), ValueError);
}

TEST_CASE("unnamed metrics are numbered, copies share their state") {
  const metrics::Precision first;
  const metrics::Precision second;
  CHECK(first.name().starts_with("precision"));
  CHECK(first.name() != second.name());
  const Metric copy = first;
  copy.update_state(ops::array<int>({1, 0}), ops::array<float>({0.9, 0.8}));
  CHECK(value(first) == 0.5f);
}

TEST_CASE("a traced update is the same program") {
  const metrics::AUC eager({.num_thresholds = 20});
  const metrics::AUC traced({.num_thresholds = 20});
  const auto step = function([&](const Tensor& t, const Tensor& p) {
    traced.update_state(t, p);
    return traced.result();
  });
  for (int i = 0; i < 3; ++i) {
    const Tensor t = ops::array<int>({0, 1, 1, i % 2});
    const Tensor p = ops::array<float>({0.1, 0.4, 0.9, 0.3}) + 0.1 * i;
    eager.update_state(t, p);
    CHECK(ops::array_equal(step(t, p), eager.result()));
  }
  CHECK(step.trace_count() == 1);
}

TEST_CASE("every metric comes back from its configuration") {
  for (const std::string& name : MetricBase::registry().names()) {
    CAPTURE(name);
    Config config = Config::dict();
    if (name.find("IoU") != std::string::npos || name.find("io_u") != std::string::npos) {
      if (name.find("inary") == std::string::npos) config["num_classes"] = 3;
      if (name == "IoU" || name == "io_u" || name == "OneHotIoU" || name == "one_hot_io_u")
        config["target_class_ids"] = Config(Config::List{1});
    }
    for (const char* key : {"specificity", "sensitivity", "recall", "precision"}) {
      if (name.ends_with(std::string("at_") + key)) config[key] = 0.5;
    }
    if (name.ends_with("AtSpecificity")) config["specificity"] = 0.5;
    if (name.ends_with("AtSensitivity")) config["sensitivity"] = 0.5;
    if (name.ends_with("AtRecall")) config["recall"] = 0.5;
    if (name.ends_with("AtPrecision")) config["precision"] = 0.5;
    if (name == "MeanMetricWrapper") config["fn"] = "mse";
    Config object = Config::dict();
    object["class_name"] = name;
    object["config"] = config;
    const Metric metric(MetricBase::registry().from_config(object));
    if (name == "MeanMetricWrapper") continue;  // became the metric of that name
    const Config saved = serialize_object(metric.get());
    CHECK(saved.at("module") == Config("keras.metrics"));
    const Metric again(MetricBase::registry().from_config(saved));
    CHECK(serialize_object(again.get()) == saved);
  }
}

TEST_CASE("metrics as Keras 2 saves functions, and as they were given") {
  Config old = Config::dict();
  old["class_name"] = "MeanMetricWrapper";
  old["config"] = Config::dict();
  old["config"]["name"] = "huber";
  old["config"]["fn"] = "huber";
  const Metric metric = ConfigCodec<Metric>::from(old);
  metric.update_state(ops::array<float>({{0}}), ops::array<float>({{3}}));
  CHECK(metric.name() == "huber");
  CHECK(value(metric) == 2.5f);
  CHECK(metric->direction() == Direction::down);
  CHECK(ConfigCodec<Metric>::to("accuracy") == Config("accuracy"));
  CHECK(ConfigCodec<Metric>::to(metrics::BinaryAccuracy({.threshold = 0.7})).str() ==
        R"({"module": "keras.metrics", "class_name": "BinaryAccuracy", "config": {"name": )"
        R"("binary_accuracy", "dtype": "float32", "threshold": 0.7}, "registered_name": null})");
}

TEST_CASE("metrics of one's own: a function, a registered name, a class") {
  const auto worst = [](const Tensor& t, const Tensor& p) {
    return ops::max(ops::abs(t - p), {.axis = -1});
  };
  const Tensor t = ops::array<float>({{0, 0}, {0, 0}});
  const Tensor p = ops::array<float>({{1, 2}, {3, 4}});
  const Metric metric(worst, "worst");
  CHECK(metric(t, p).item<float>() == 3.0f);
  CHECK_THROWS_AS(Metric("worst_of_all"), ValueError);
  metrics::register_metric("worst_of_all", worst);
  CHECK(Metric("worst_of_all")(t, p).item<float>() == 3.0f);

  class Count : public MetricBase {
   public:
    Count() : MetricBase({.name = "count"}), count_(add_variable("count", {})) {}
    std::string class_name() const override { return "Count"; }
    void update_state(const Tensor&, const Tensor& y_pred, const Tensor&) override {
      count_.assign_add(Tensor::scalar(y_pred.shape()[0], dtype()));
    }
    Tensor result() const override { return count_; }

   private:
    Variable count_;
  };
  const Metric count(std::make_shared<Count>());
  count.update_state(t, p);
  count.update_state(t, p);
  CHECK(value(count) == 4.0f);
  count.reset_state();
  CHECK(value(count) == 0.0f);
}

TEST_CASE("directions, for what stops early") {
  CHECK(metrics::AUC()->direction() == Direction::up);
  CHECK(Metric("accuracy")->direction() == Direction::up);
  CHECK(Metric("mse")->direction() == Direction::down);
  CHECK(metrics::Mean()->direction() == Direction::none);
  CHECK(metrics::TruePositives()->direction() == Direction::none);
}

TEST_CASE("AUC at given thresholds, of several labels, and PRGAIN") {
  const Tensor t = ops::array<int>({0, 0, 1, 1});
  const Tensor p = ops::array<float>({0, 0.5, 0.3, 0.9});
  const metrics::AUC uneven({.thresholds = std::vector<double>{0.4}});
  // tp = [2, 1, 0], fp = [2, 1, 0]
  CHECK(uneven(t, p).item<float>() == doctest::Approx(0.5));
  CHECK(uneven.get_config().at("thresholds").str() == "[0.4]");
  const metrics::AUC labels({.multi_label = true, .label_weights = std::vector<double>{1, 0}});
  CHECK_THROWS_AS(labels.result(), StateError);
  const Tensor two = ops::array<float>({{0.1, 0.9}, {0.9, 0.1}});
  CHECK(labels(ops::array<int>({{0, 0}, {1, 1}}), two).item<float>() == doctest::Approx(1));
  CHECK(metrics::AUC({.curve = "PRGAIN"})(t, p).item<float>() == doctest::Approx(0.25));
}

TEST_CASE("the adjusted R2 falls back where samples are too few") {
  const Tensor t = ops::array<float>({{1}, {2}, {3}, {5}});
  const Tensor p = ops::array<float>({{1}, {2}, {4}, {5}});
  const float plain = metrics::R2Score()(t, p).item<float>();
  CHECK(plain == doctest::Approx(1 - 1 / 8.75));
  const metrics::R2Score one({.num_regressors = 1});
  CHECK(one(t, p).item<float>() == doctest::Approx(1 - (1 - plain) * 3.0 / 2));
  CHECK(metrics::R2Score({.num_regressors = 3})(t, p).item<float>() == doctest::Approx(plain));
}

TEST_CASE("what metrics refuse, and that a refused batch changes nothing") {
  CHECK_THROWS_AS(metrics::Precision({.thresholds = 1.5}), ValueError);
  CHECK_THROWS_AS(metrics::AUC({.curve = "CURVE"}), ValueError);
  CHECK_THROWS_AS(metrics::AUC({.num_labels = 2}), ValueError);
  CHECK_THROWS_AS(metrics::IoU({.num_classes = 2, .target_class_ids = std::vector<int>{2}}),
                  ValueError);
  CHECK_THROWS_AS(metrics::F1Score({.average = "mean"}), ValueError);
  CHECK_THROWS_AS(metrics::R2Score().result(), StateError);
  CHECK_THROWS_AS(Metric().result(), StateError);

  const metrics::Recall recall;
  recall.update_state(ops::array<int>({1, 1}), ops::array<float>({0.9, 0.1}));
  CHECK_THROWS_AS(recall.update_state(ops::array<int>({1, 1, 1}), ops::array<float>({1, 1})),
                  ShapeError);
  CHECK_THROWS_AS(
      recall.update_state(ops::array<int>({1, 1}), ops::array<float>({1, 1}), ops::ones({3})),
      ShapeError);
  CHECK(value(recall) == 0.5f);
  const metrics::MeanSquaredError mse;
  CHECK_THROWS_AS(mse.update_state(ops::ones({2, 3}), ops::ones({2, 4})), ShapeError);
  CHECK_THROWS_AS(mse.update_state(ops::ones({2, 3}), {}), TypeError);
  CHECK(mse.variables()[1].value().item<float>() == 0.0f);
}

}  // namespace nyala
