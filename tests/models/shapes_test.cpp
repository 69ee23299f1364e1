// Which shapes of y_true and y_pred losses and metrics take, and what comes out: as Keras 3.15.1
// does with y_true = 0 and y_pred = 0.5.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include <nyala/core/ops.hpp>
#include <nyala/models/losses.hpp>
#include <nyala/models/metrics.hpp>

using namespace nyala;

namespace {

constexpr double no = std::numeric_limits<double>::quiet_NaN();  // refused
constexpr double stricter = no;  // broadcast by Keras, a mistake of the user's more likely

const std::array<std::pair<Shape, Shape>, 11> kShapes = {{
    {Shape{4, 1}, Shape{4}},
    {Shape{4}, Shape{4, 1}},
    {Shape{4}, Shape{4, 3}},
    {Shape{4, 1}, Shape{4, 3}},
    {Shape{4, 3}, Shape{4, 1}},
    {Shape{4, 3}, Shape{4}},
    {Shape{4, 3}, Shape{4, 2}},
    {Shape{3, 3}, Shape{4, 3}},
    {Shape{4}, Shape{5}},
    {Shape{4, 2, 3}, Shape{4, 3}},
    {Shape{4, 3}, Shape{4, 2, 3}},
}};

struct Row {
  const char* name;
  std::array<double, kShapes.size()> results;
};

const Row kLosses[] = {
    {"MeanSquaredError", {0.25, 0.25, no, 0.25, 0.25, no, no, no, no, no, no}},
    {"MeanAbsoluteError", {0.5, 0.5, no, 0.5, 0.5, no, no, no, no, no, no}},
    {"MeanAbsolutePercentageError",
     {500000000.0, 500000000.0, no, 500000000.0, 500000000.0, no, no, no, no, no, no}},
    {"Huber", {0.125, 0.125, no, 0.125, 0.125, no, no, no, no, no, no}},
    {"LogCosh",
     {0.12011450529098511,
      0.12011450529098511,
      no,
      0.12011450529098511,
      0.12011450529098511,
      no,
      no,
      no,
      no,
      no,
      no}},
    {"CosineSimilarity", {0.0, 0.0, no, 0.0, 0.0, no, no, no, no, no, no}},
    {"BinaryCrossentropy",
     {0.6931471824645996, 0.6931471824645996, no, no, no, no, no, no, no, no, no}},
    {"BinaryFocalCrossentropy",
     {0.1732867956161499, 0.1732867956161499, no, no, no, no, no, no, no, no, no}},
    {"CategoricalCrossentropy", {0.0, 0.0, no, no, no, no, no, no, no, no, no}},
    {"CategoricalFocalCrossentropy", {0.0, 0.0, no, stricter, stricter, no, no, no, no, no, no}},
    {"SparseCategoricalCrossentropy",
     {0.0, 0.0, 1.0986123085021973, 1.0986123085021973, no, no, no, no, no, no, no}},
    {"KLDivergence",
     {-1.542494942441408e-06,
      -1.542494942441408e-06,
      no,
      -4.627484941011062e-06,
      -4.627484941011062e-06,
      no,
      no,
      no,
      no,
      no,
      no}},
    {"Poisson", {0.5, 0.5, no, 0.5, 0.5, no, no, no, no, no, no}},
    {"Hinge", {1.5, 1.5, no, 1.5, 1.5, no, no, no, no, no, no}},
    {"CategoricalHinge", {1.5, 1.5, no, 1.5, 1.5, no, no, no, no, no, no}},
    {"Dice", {1.0, 1.0, no, 1.0, 1.0, no, no, no, no, no, no}},
    {"Tversky", {1.0, 1.0, no, 1.0, 1.0, no, no, no, no, no, no}},
    {"CategoricalGeneralizedCrossEntropy",
     {0.5857864618301392,
      0.5857864618301392,
      0.5857864618301392,
      0.5857864618301392,
      no,
      stricter,
      no,
      no,
      stricter,
      no,
      no}},
};

const Row kMetrics[] = {
    {"Accuracy", {0.0, 0.0, no, 0.0, 0.0, no, no, no, no, no, no}},
    {"BinaryAccuracy", {1.0, 1.0, no, 1.0, 1.0, no, no, no, no, no, no}},
    {"CategoricalAccuracy", {no, 1.0, 1.0, 1.0, 1.0, no, 1.0, no, 1.0, no, no}},
    {"SparseCategoricalAccuracy", {1.0, 1.0, 1.0, 1.0, no, 1.0, no, no, 1.0, no, no}},
    {"TopKCategoricalAccuracy", {no, no, no, 1.0, 1.0, no, 1.0, no, no, no, no}},
    {"SparseTopKCategoricalAccuracy", {no, 1.0, 1.0, 1.0, no, no, no, no, no, no, no}},
    {"MeanSquaredError", {0.25, 0.25, no, 0.25, 0.25, no, no, no, no, no, no}},
    {"MeanAbsoluteError", {0.5, 0.5, no, 0.5, 0.5, no, no, no, no, no, no}},
    {"MeanAbsolutePercentageError",
     {500000000.0, 500000000.0, no, 500000000.0, 500000000.0, no, no, no, no, no, no}},
    {"MeanSquaredLogarithmicError",
     {0.1644018441438675,
      0.1644018441438675,
      no,
      0.1644018441438675,
      0.1644018441438675,
      no,
      no,
      no,
      no,
      no,
      no}},
    {"RootMeanSquaredError", {0.5, 0.5, no, 0.5, 0.5, no, no, no, no, no, no}},
    {"LogCoshError",
     {0.12011450529098511,
      0.12011450529098511,
      no,
      0.12011450529098511,
      0.12011450529098511,
      no,
      no,
      no,
      no,
      no,
      no}},
    {"CosineSimilarity", {0.0, 0.0, no, 0.0, 0.0, no, no, no, no, no, no}},
    {"BinaryCrossentropy", {no, no, no, no, no, no, no, no, no, no, no}},
    {"CategoricalCrossentropy", {no, no, no, no, no, no, no, no, no, no, no}},
    {"SparseCategoricalCrossentropy",
     {no, 0.0, 1.0986123085021973, 1.0986123085021973, no, no, no, no, no, no, no}},
    {"KLDivergence",
     {-6.169979769765632e-06,
      -6.169979769765632e-06,
      no,
      -4.627484941011062e-06,
      -4.627484941011062e-06,
      no,
      no,
      no,
      no,
      no,
      no}},
    {"Poisson", {0.5, 0.5, no, 0.5, 0.5, no, no, no, no, no, no}},
    {"Hinge", {1.5, 1.5, no, 1.5, 1.5, no, no, no, no, no, no}},
    {"SquaredHinge", {2.25, 2.25, no, 2.25, 2.25, no, no, no, no, no, no}},
    {"CategoricalHinge", {1.5, 1.5, no, 1.5, 1.5, no, no, no, no, no, no}},
    {"Precision", {0.0, 0.0, no, no, no, no, no, no, no, no, no}},
    {"TruePositives", {0.0, 0.0, no, no, no, no, no, no, no, no, no}},
    {"AUC", {0.0, 0.0, no, no, no, no, no, no, no, no, no}},
    {"R2Score", {0.0, 0.0, no, stricter, no, no, no, no, no, no, no}},
    {"F1Score", {no, no, no, stricter, no, no, no, no, no, no, no}},
    {"BinaryIoU", {0.0, 0.0, no, no, no, no, no, no, no, no, no}},
};

template <class F>
void check(const Row& row, const F& result_of) {
  for (std::size_t i = 0; i < kShapes.size(); ++i) {
    const Shape& of_true = kShapes[i].first;
    const Shape& of_pred = kShapes[i].second;
    CAPTURE(row.name);
    CAPTURE(of_true.str());
    CAPTURE(of_pred.str());
    const Tensor t = ops::zeros(of_true);
    const Tensor p = ops::full(of_pred, 0.5);
    if (std::isnan(row.results[i])) {
      CHECK_THROWS_AS(result_of(t, p), const Error&);
      continue;
    }
    Tensor result;
    CHECK_NOTHROW(result = result_of(t, p));
    if (!result.defined()) continue;
    // float32 against float32, and logarithms of epsilon.
    CHECK(result.item<double>() == doctest::Approx(row.results[i]).epsilon(1e-5).scale(1e-4));
  }
}

}  // namespace

TEST_CASE("losses take the shapes that Keras takes") {
  for (const Row& row : kLosses) {
    const losses::Loss loss(row.name);
    check(row, [&](const Tensor& t, const Tensor& p) { return loss(t, p); });
  }
}

TEST_CASE("metrics take the shapes that Keras takes") {
  for (const Row& row : kMetrics) {
    check(row, [&](const Tensor& t, const Tensor& p) {
      // The class, not the metric that compile would choose for the name.
      const metrics::Metric metric(metrics::MetricBase::registry().from_name(row.name));
      metric.update_state(t, p);
      return metric.result();
    });
  }
}
