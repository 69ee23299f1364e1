// A small LSTM that imitates an overdriven amplifier and then runs sample by sample, as an audio
// plug-in would. The signal is generated, and so is what the amplifier makes of it: a tube's
// curve between two filters of first order, y = low(tanh(4 high(x) + 0.3)).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <random>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

constexpr std::int64_t kSamples = 65536, kBlock = 512;

struct Sound {
  Tensor in, out;  // (samples)
};

// Plucked strings: decaying sines with overtones, a new one each 2048 samples.
Sound make_sound(unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> pitch(0.01, 0.08), level(0.3, 1.0);
  std::vector<float> in, out;
  double step = 0, loudness = 0, before = 0, high = 0, low = 0;
  for (int i = 0; i < kSamples; ++i) {
    const int at = i % 2048;
    if (at == 0) step = pitch(random), loudness = level(random);
    const double x =
        loudness * std::exp(-at / 900.0) *
        (std::sin(step * at) + 0.5 * std::sin(2 * step * at) + 0.25 * std::sin(3 * step * at));
    high = 0.98 * (high + x - before);
    before = x;
    low += 0.4 * (std::tanh(4 * high + 0.3) - low);
    in.push_back(static_cast<float>(x));
    out.push_back(static_cast<float>(low));
  }
  return {Tensor::from(in, {kSamples}), Tensor::from(out, {kSamples})};
}

}  // namespace

int main() {
  set_random_seed(14);
  const Sound sound = make_sound(1), other = make_sound(2);
  // Blocks of the sound; the LSTM starts each one anew.
  const auto blocks = [](const Tensor& x) {
    return ops::reshape(x, {kSamples / kBlock, kBlock, 1});
  };

  const Symbol in = Input({.shape = {None, 1}});
  const Symbol h = layers::LSTM({.units = 16, .return_sequences = true})(in);
  const Symbol out = layers::Dense({.units = 1})(h);
  const Model model(in, out, {.name = "amplifier"});
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam(
                     {.learning_rate = optimizers::schedules::CosineDecay(
                          {.initial_learning_rate = 0.01, .decay_steps = 16 * 120})}),
                 .loss = "mse"});
  model.fit(blocks(sound.in), blocks(sound.out), {.batch_size = 8, .epochs = 120, .verbose = 2});

  Session session(model);
  std::vector<float> played;
  Tensor sample = Tensor::from(std::vector<float>{0}, {1, 1});
  const auto samples = other.in.to_vector<float>();
  const auto start = std::chrono::steady_clock::now();
  for (const float value : samples) {
    *sample.mutable_data<float>() = value;
    played.push_back(session.step(sample).item<float>());
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  const Tensor streamed = Tensor::from(played, {kSamples});
  const Tensor whole = ops::reshape(model(ops::reshape(other.in, {1, kSamples, 1})), {kSamples});
  const double apart = ops::max(ops::abs(streamed - whole)).item<double>();
  const double error = ops::mean(ops::square(streamed - other.out)).item<double>() /
                       ops::mean(ops::square(other.out)).item<double>();
  std::cout << time.count() / static_cast<double>(kSamples) << " microseconds a sample\n"
            << "largest difference to the whole sound at once: " << apart
            << " (below 1e-4 wanted)\n"
            << "energy of the error on another sound: " << 100 * error << "% (at most 1% wanted)\n";
  return apart < 1e-4 && error <= 0.01 ? 0 : 1;
}
