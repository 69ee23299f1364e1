// Models with steps of their own, as a subclass of keras.Model has them.
#include <doctest/doctest.h>

#include <sstream>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

const Tensor kX = random::normal({12, 3}, {.seed = 1});
const Tensor kY = ops::sum(kX, {.axis = -1, .keepdims = true});

// y = x w, trained by steps of its own: those of Keras written out.
class Line : public SubclassedModel {
 public:
  Line() : SubclassedModel({.name = "line"}) {
    track(dense_);
    track(loss_);
  }
  Tensor call(Inputs<Tensor> x, const CallArgs&) override { return dense_(x[0]); }

  StepLogs train_step(const StepInputs& data) override {
    ++traces;
    GradientTape tape;
    const Tensor loss = ops::mean(ops::square((*this)(data.x[0]) - data.y[0]));
    const std::vector<Variable> variables = trainable_variables();
    optimizer().apply(tape.gradient(loss, variables), variables);
    loss_.update_state(loss);
    return {{"my_loss", loss_.result()}};
  }
  StepLogs test_step(const StepInputs& data) override {
    loss_.update_state(ops::mean(ops::abs((*this)(data.x[0]) - data.y[0])));
    return {{"my_loss", loss_.result()}};
  }
  std::vector<Tensor> predict_step(const StepInputs& data) override {
    return {(*this)(data.x[0]), data.x[0] * 2.0};
  }

  int traces = 0;

 private:
  layers::Dense dense_{{.units = 1, .kernel_initializer = "ones", .name = "dense"}};
  metrics::Mean loss_;
};

Sequential reference() {
  return Sequential(
      {Input({.shape = {3}}), layers::Dense({.units = 1, .kernel_initializer = "ones"})});
}

std::vector<double> losses_of(const Model& model, const char* name, bool eager) {
  CompileArgs args{.optimizer = optimizers::Adam(0.05), .run_eagerly = eager};
  if (std::string(name) == "loss") args.loss = "mse";
  model.compile(args);
  return model.fit(kX, kY, {.batch_size = 4, .epochs = 4, .verbose = 0, .shuffle = false})[name];
}

}  // namespace

TEST_CASE("a train_step of its own trains as Keras's does, compiled and eagerly") {
  const std::vector<double> want = losses_of(reference(), "loss", false);
  for (const bool eager : {false, true}) {
    const auto line = std::make_shared<Line>();
    const std::vector<double> got = losses_of(Model(line), "my_loss", eager);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(got[i] == doctest::Approx(want[i]).epsilon(2e-5));  // sums in another order
    CHECK(line->traces == (eager ? 12 : 1));                    // one signature, one program
  }
}

TEST_CASE("logs of its own steps are all that is reported") {
  const Model model(std::make_shared<Line>());
  model.compile({.optimizer = "sgd"});
  const History history =
      model.fit(kX, kY, {.epochs = 2, .verbose = 0, .validation_data = {.x = kX, .y = kY}});
  CHECK(history.names() == std::vector<std::string>{"my_loss", "val_my_loss"});
  const EvaluateResult result = model.evaluate(kX, kY, {.verbose = 0});
  CHECK(result.size() == 1);
  CHECK(result["my_loss"] == doctest::Approx(history["val_my_loss"].back()));
  CHECK_FALSE(model.train_on_batch(kX, kY).contains("loss"));
  CHECK(model.predict_all(kX, {.verbose = 0}).size() == 2);
  CHECK(ops::array_equal(model.predict_all(kX, {.verbose = 0})[1], kX * 2.0));
}

namespace {

// Keras's steps with parts replaced.
class Parts : public SubclassedModel {
 public:
  Parts() { track(dense_); }
  Tensor call(Inputs<Tensor> x, const CallArgs&) override { return dense_(x[0]); }
  Tensor compute_loss(const StepInputs& data,
                      const std::vector<Tensor>& y_pred,
                      bool training) override {
    return SubclassedModel::compute_loss(data, y_pred, training) * 3.0;
  }
  std::vector<IndexedSlices> process_gradients(std::vector<IndexedSlices> gradients,
                                               const std::vector<Variable>&) override {
    for (IndexedSlices& gradient : gradients) gradient = {gradient.to_dense() * scale, {}, {}};
    return gradients;
  }
  StepLogs train_step(const StepInputs& data) override {
    StepLogs logs = SubclassedModel::train_step(data);
    logs.emplace_back("norm", ops::sqrt(ops::sum(ops::square(dense_.weights()[0]))));
    return logs;
  }

  double scale = 1;

 private:
  layers::Dense dense_{{.units = 1, .kernel_initializer = "ones"}};
};

}  // namespace

TEST_CASE("compute_loss and the gradients may be replaced alone") {
  const Sequential plain = reference();
  plain.compile({.optimizer = optimizers::SGD(0.03), .loss = "mse", .metrics = {"mae"}});
  const EvaluateResult want = plain.train_on_batch(kX, kY);

  const auto parts = std::make_shared<Parts>();
  const Model model(parts);
  model.compile({.optimizer = optimizers::SGD(0.01), .loss = "mse", .metrics = {"mae"}});
  const EvaluateResult got = model.train_on_batch(kX, kY);
  CHECK(got["loss"] == doctest::Approx(3 * want["loss"]).epsilon(1e-5));
  CHECK(got["mae"] == doctest::Approx(want["mae"]).epsilon(1e-5));
  CHECK(got.contains("norm"));
  CHECK(ops::allclose(model.get_weights()[0], plain.get_weights()[0], {.rtol = 1e-5}));

  const auto still = std::make_shared<Parts>();
  still->scale = 0;
  const Model frozen(still);
  frozen.compile({.optimizer = optimizers::SGD(0.01), .loss = "mse"});
  frozen.train_on_batch(kX, kY);
  CHECK(ops::array_equal(frozen.get_weights()[0], ops::ones({3, 1})));
}

namespace {

class Wrong : public Line {
 public:
  explicit Wrong(StepLogs logs) : logs_(std::move(logs)) {}
  StepLogs train_step(const StepInputs&) override { return logs_; }

 private:
  StepLogs logs_;
};

}  // namespace

TEST_CASE("what a step may not report") {
  const Tensor one = Tensor::scalar(1, DType::float32);
  for (const StepLogs& logs : {StepLogs{{"a", Tensor()}},
                               StepLogs{{"a", ops::ones({2})}},
                               StepLogs{{"a", one}, {"a", one}}}) {
    const Model model(std::make_shared<Wrong>(logs));
    model.compile();
    CHECK_THROWS_AS(model.fit(kX, kY, {.verbose = 0}), const ValueError&);
  }
  const Model model(std::make_shared<Line>());
  CHECK_THROWS_AS(model.fit(kX, kY, {.verbose = 0}), const StateError&);
  CHECK_THROWS_AS(model.to_json(), const Error&);
  model.predict_all(kX, {.verbose = 0});
  std::ostringstream out;
  model.summary(out);
  CHECK(out.str().find("dense") != std::string::npos);
}
