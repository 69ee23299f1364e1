// A variational autoencoder of handwritten digits (UCI optdigits, 8x8 pixels): a model with a
// train_step of its own, as in the Keras example of that name. The step runs as a compiled program.
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

class VAE final : public SubclassedModel {
 public:
  VAE() : SubclassedModel({.name = "vae"}) {
    track(encoder_);
    track(decoder_);
    track(loss_);
    track(reconstruction_loss_);
    track(kl_loss_);
  }

  // Without sampling: what `predict` gives.
  Tensor call(Inputs<Tensor> x, const CallArgs&) override {
    return decoder_(ops::split(encoder_(x[0]), 2, {.axis = -1})[0]);
  }

  StepLogs train_step(const StepInputs& data) override {
    const Tensor& x = data.x[0];
    GradientTape tape;
    const std::vector<Tensor> code = ops::split(encoder_(x), 2, {.axis = -1});
    const Tensor& mean = code[0];
    const Tensor& log_variance = code[1];
    const Tensor noise = random::normal(mean.shape(), {.seed = noise_});
    const Tensor decoded = decoder_(mean + ops::exp(0.5 * log_variance) * noise);
    const Tensor reconstruction = ops::mean(64.0 * losses::binary_crossentropy(x, decoded));
    const Tensor kl = ops::mean(ops::sum(
        -0.5 * (1.0 + log_variance - ops::square(mean) - ops::exp(log_variance)), {.axis = 1}));
    const Tensor total = reconstruction + kl;
    const std::vector<Variable> weights = trainable_variables();
    optimizer().apply(tape.gradient(total, weights), weights);
    loss_.update_state(total);
    reconstruction_loss_.update_state(reconstruction);
    kl_loss_.update_state(kl);
    return {{"loss", loss_.result()},
            {"reconstruction_loss", reconstruction_loss_.result()},
            {"kl_loss", kl_loss_.result()}};
  }

 private:
  static constexpr int kLatent = 4;
  Sequential encoder_{{Input({.shape = {64}}),
                       layers::Dense({.units = 128, .activation = "relu"}),
                       layers::Dense({.units = 2 * kLatent})}};
  Sequential decoder_{{Input({.shape = {kLatent}}),
                       layers::Dense({.units = 128, .activation = "relu"}),
                       layers::Dense({.units = 64, .activation = "sigmoid"})}};
  metrics::Mean loss_{"loss"}, reconstruction_loss_{"reconstruction_loss"}, kl_loss_{"kl_loss"};
  random::SeedGenerator noise_;
};

int main() {
  set_random_seed(3);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const Tensor pixels = ops::slice_axis(table, 1, 0, 64) / 16;
  const Tensor training = ops::slice_axis(pixels, 0, 0, 1500);
  const Tensor others = ops::slice_axis(pixels, 0, 1500, table.shape()[0]);

  const Model model(std::make_shared<VAE>());
  model.compile({.optimizer = optimizers::Adam(0.002)});
  model.fit(training, {}, {.batch_size = 64, .epochs = 40, .verbose = 2});

  const double error =
      ops::mean(ops::square(model.predict(others, {.verbose = 0}) - others)).item<double>();
  const double of_mean =
      ops::mean(ops::square(ops::mean(training, {.axis = 0}) - others)).item<double>();
  std::cout << "squared error of digits decoded from 4 numbers: " << error
            << ", of the mean digit: " << of_mean << " (at most half of that wanted)\n";
  return error <= 0.5 * of_mean ? 0 : 1;
}
