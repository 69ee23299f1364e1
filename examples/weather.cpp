// The weather in three days by an LSTM: from the last 14 days in Seattle (rain, highest and lowest
// temperature, wind) the highest temperature three days later, against "as today".
#include <cmath>
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

namespace {

constexpr std::int64_t kDays = 14, kAhead = 3;
constexpr std::int64_t kTraining = 1096;  // 2012 to 2014; 2015 is what it is tried on

// The days [i, i + kDays) for each i that has a day to predict.
Tensor windows(const Tensor& days) {
  std::vector<Tensor> all;
  for (std::int64_t i = 0; i + kDays + kAhead <= days.shape()[0]; ++i)
    all.push_back(ops::slice_axis(days, 0, i, i + kDays));
  return ops::stack(all);
}

}  // namespace

int main() {
  set_random_seed(11);
  const Tensor table = example::read_csv(example::data_file("seattle_weather.csv"));
  const Tensor measured = ops::slice_axis(table, 1, 1, 5);
  const std::int64_t days = measured.shape()[0];
  const Tensor known = ops::slice_axis(measured, 0, 0, kTraining);
  const Tensor mean = ops::mean(known, {.axis = 0}), deviation = ops::std(known, {.axis = 0});
  const Tensor scaled = (measured - mean) / deviation;
  // The season, as a point on a circle.
  const Tensor angle =
      ops::reshape(ops::arange(days, {.dtype = float32}) * (2 * M_PI / 365.25), {days, 1});
  const Tensor x = windows(ops::concatenate({scaled, ops::sin(angle), ops::cos(angle)}, 1));
  const Tensor highest = ops::slice_axis(scaled, 1, 1, 2);
  // How much warmer than today: an LSTM that says nothing then says "as today".
  const Tensor y = ops::slice_axis(highest, 0, kDays + kAhead - 1, days) -
                   ops::slice_axis(highest, 0, kDays - 1, days - kAhead);

  Sequential model({
      Input({.shape = {kDays, 6}}),
      layers::LSTM({.units = 24, .dropout = 0.1}),
      layers::Dense({.units = 1}),
  });
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.003}), .loss = "mae"});
  const std::int64_t training = kTraining - kDays - kAhead + 1, count = x.shape()[0];
  model.fit(ops::slice_axis(x, 0, 0, training),
            ops::slice_axis(y, 0, 0, training),
            {.batch_size = 32, .epochs = 20, .verbose = 2});

  const double degrees = deviation[1].item<double>();
  const Tensor change = ops::slice_axis(y, 0, training, count);
  const Tensor guess = model.predict(ops::slice_axis(x, 0, training, count), {.verbose = 0});
  const double as_today = degrees * ops::mean(ops::abs(change)).item<double>();
  const double error = degrees * ops::mean(ops::abs(change - guess)).item<double>();
  std::cout << "mean error in 2015: " << error << " degrees Celsius; \"as today\": " << as_today
            << " (at most 0.9 of that wanted)\n";
  return error <= 0.9 * as_today ? 0 : 1;
}
