// A generative adversarial network that learns a ring of points: two networks and two optimizers in
// one train_step, as in the Keras example of that name. The step runs as a compiled program.
#include <iostream>
#include <numbers>

#include <nyala/nyala.hpp>

using namespace nyala;

class GAN final : public SubclassedModel {
 public:
  GAN() : SubclassedModel({.name = "gan"}) {
    track(generator_);
    track(discriminator_);
    track(d_loss_);
    track(g_loss_);
  }

  // Numbers in, points out.
  Tensor call(Inputs<Tensor> x, const CallArgs&) override { return generator_(x[0]); }

  void build_optimizers(const std::vector<Variable>&) override {
    d_optimizer_.build(discriminator_.trainable_variables());
    g_optimizer_.build(generator_.trainable_variables());
  }

  StepLogs train_step(const StepInputs& data) override {
    const Tensor& real = data.x[0];
    const Shape latent = {data.batch_size(), kLatent};
    const std::vector<Variable> d_weights = discriminator_.trainable_variables();
    const std::vector<Variable> g_weights = generator_.trainable_variables();

    const Tensor fake = generator_(random::normal(latent, {.seed = noise_}));
    GradientTape d_tape;
    const Tensor scores = discriminator_(ops::concatenate({fake, real}));
    const Tensor is_fake =
        ops::concatenate({ops::ones({data.batch_size(), 1}), ops::zeros({data.batch_size(), 1})});
    const Tensor d_loss = loss_(is_fake, scores);
    d_optimizer_.apply(d_tape.gradient(d_loss, d_weights), d_weights);

    GradientTape g_tape;
    const Tensor fooled = discriminator_(generator_(random::normal(latent, {.seed = noise_})));
    const Tensor g_loss = loss_(ops::zeros({data.batch_size(), 1}), fooled);
    g_optimizer_.apply(g_tape.gradient(g_loss, g_weights), g_weights);

    d_loss_.update_state(d_loss);
    g_loss_.update_state(g_loss);
    return {{"d_loss", d_loss_.result()}, {"g_loss", g_loss_.result()}};
  }

  static constexpr std::int64_t kLatent = 2;

 private:
  Sequential generator_{{Input({.shape = {kLatent}}),
                         layers::Dense({.units = 64, .activation = "relu"}),
                         layers::Dense({.units = 64, .activation = "relu"}),
                         layers::Dense({.units = 2})}};
  Sequential discriminator_{{Input({.shape = {2}}),
                             layers::Dense({.units = 64, .activation = "leaky_relu"}),
                             layers::Dense({.units = 64, .activation = "leaky_relu"}),
                             layers::Dense({.units = 1})}};
  optimizers::Adam d_optimizer_{{.learning_rate = 1e-3, .beta_1 = 0.5}};
  optimizers::Adam g_optimizer_{{.learning_rate = 1e-3, .beta_1 = 0.5}};
  losses::BinaryCrossentropy loss_{{.from_logits = true}};
  metrics::Mean d_loss_{"d_loss"}, g_loss_{"g_loss"};
  random::SeedGenerator noise_;
};

int main() {
  set_random_seed(5);
  const Tensor angle = random::uniform({2048}, {.maxval = 2 * std::numbers::pi});
  const Tensor ring = ops::stack({ops::cos(angle), ops::sin(angle)}, {.axis = 1});

  const Model model(std::make_shared<GAN>());
  model.compile();
  model.fit(ring, {}, {.batch_size = 128, .epochs = 150, .verbose = 2});

  const Tensor points =
      model.predict(random::normal({1000, GAN::kLatent}), {.batch_size = 1000, .verbose = 0});
  const Tensor radius = ops::sqrt(ops::sum(ops::square(points), {.axis = 1}));
  const double error = ops::mean(ops::abs(radius - 1.0)).item<double>();
  const double off_centre = ops::max(ops::abs(ops::mean(points, {.axis = 0}))).item<double>();
  std::cout << "points made lie " << error << " from the ring (at most 0.15 wanted), their centre "
            << off_centre << " from its centre (at most 0.3 wanted)\n";
  return error <= 0.15 && off_centre <= 0.3 ? 0 : 1;
}
