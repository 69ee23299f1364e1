// Deep Q-learning (Mnih et al., 2015) on the cart and pole of Barto, Sutton and Anderson (1983),
// which is simulated here: a cart is pushed left or right so that the pole on it stays up. A
// network says what each push is worth; a copy of it, which follows slowly, says what comes after.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <random>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

constexpr int kLongest = 300;  // steps of an episode
constexpr std::size_t kMemory = 20000;
constexpr int kBatch = 64;
constexpr float kDiscount = 0.98F;

using Random = std::mt19937;
using Position = std::array<float, 4>;  // of the cart, its speed, the pole's angle, its speed

Position start(Random& random) {
  std::uniform_real_distribution<float> small(-0.05F, 0.05F);
  return {small(random), small(random), small(random), small(random)};
}

// A fiftieth of a second later, with a push of 10 N; cart 1 kg, pole 0.1 kg and 1 m long.
Position push(const Position& p, bool right) {
  const float sine = std::sin(p[2]), cosine = std::cos(p[2]);
  const float force = ((right ? 10.0F : -10.0F) + 0.05F * p[3] * p[3] * sine) / 1.1F;
  const float turn =
      (9.8F * sine - cosine * force) / (0.5F * (4.0F / 3.0F - 0.1F * cosine * cosine / 1.1F));
  const float go = force - 0.05F * turn * cosine / 1.1F;
  constexpr float dt = 0.02F;
  return {p[0] + dt * p[1], p[1] + dt * go, p[2] + dt * p[3], p[3] + dt * turn};
}
bool has_fallen(const Position& p) { return std::abs(p[0]) > 2.4F || std::abs(p[2]) > 0.2095F; }

struct Experience {
  Position before, after;
  int action;
  bool end;
};

Tensor tensor_of(const Position& p) {
  return Tensor::from(std::vector<float>(p.begin(), p.end()), {1, 4});
}

Sequential network() {
  return Sequential({Input({.shape = {4}}),
                     layers::Dense({.units = 64, .activation = "relu"}),
                     layers::Dense({.units = 64, .activation = "relu"}),
                     layers::Dense({.units = 2})});
}

class Agent {
 public:
  Agent() {
    slow_.set_weights(fast_.get_weights());
    optimizer_.build(fast_.trainable_variables());
  }

  bool best_push(const Position& p) const {
    const auto worth = fast_.predict_on_batch(tensor_of(p)).to_vector<float>();
    return worth[1] > worth[0];
  }
  void remember(const Experience& experience) {
    if (memory_.size() < kMemory)
      memory_.push_back(experience);
    else
      memory_[next_++ % kMemory] = experience;
  }
  // One step on experiences drawn from memory.
  void learn(Random& random) {
    if (memory_.size() < 500) return;
    std::vector<float> before, after, more;
    std::vector<int> action;
    for (int i = 0; i < kBatch; ++i) {
      const Experience& one = memory_[random() % memory_.size()];
      before.insert(before.end(), one.before.begin(), one.before.end());
      after.insert(after.end(), one.after.begin(), one.after.end());
      action.push_back(one.action);
      more.push_back(one.end ? 0 : kDiscount);
    }
    step_(Tensor::from(before, {kBatch, 4}),
          Tensor::from(after, {kBatch, 4}),
          Tensor::from(action, {kBatch}),
          Tensor::from(more, {kBatch}));
  }

 private:
  // Double Q-learning (van Hasselt et al., 2016): the fast network chooses, the slow one judges.
  Tensor step(const Tensor& before,
              const Tensor& after,
              const Tensor& action,
              const Tensor& more) const {
    const Tensor chosen = ops::one_hot(ops::argmax(fast_(after), 1), 2);
    const Tensor target = 1.0 + more * ops::sum(slow_(after) * chosen, {.axis = 1});
    GradientTape tape;
    const Tensor worth = ops::sum(fast_(before) * ops::one_hot(action, 2), {.axis = 1});
    const Tensor loss =
        ops::mean(losses::huber(ops::expand_dims(target, 1), ops::expand_dims(worth, 1)));
    const std::vector<Variable> weights = fast_.trainable_variables();
    optimizer_.apply(tape.gradient(loss, weights), weights);
    const std::vector<Variable> slow = slow_.variables();
    for (std::size_t i = 0; i < slow.size(); ++i)
      slow[i].assign(0.99 * slow[i] + 0.01 * weights[i]);
    return loss;
  }

  Sequential fast_ = network(), slow_ = network();
  optimizers::Adam optimizer_{{.learning_rate = 0.001}};
  std::vector<Experience> memory_;
  std::size_t next_ = 0;
  std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&)> step_ =
      function([this](const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d) {
        return step(a, b, c, d);
      });
};

// How many steps the pole stays up without chance.
double judge(const Agent& agent, unsigned seed) {
  Random random(seed);
  int steps = 0;
  for (int episode = 0; episode < 20; ++episode) {
    Position at = start(random);
    for (int i = 0; i < kLongest && !has_fallen(at); ++i, ++steps)
      at = push(at, agent.best_push(at));
  }
  return steps / 20.0;
}

}  // namespace

int main() {
  set_random_seed(13);
  Random random(1);
  std::uniform_real_distribution<double> chance(0, 1);
  Agent agent;
  std::cout << "untrained: " << judge(agent, 5) << " steps\n";
  for (int episode = 1; episode <= 400; ++episode) {
    const double curiosity = std::max(0.05, 1 - episode / 100.0);
    Position at = start(random);
    for (int i = 0; i < kLongest && !has_fallen(at); ++i) {
      const bool right = chance(random) < curiosity ? random() % 2 == 0 : agent.best_push(at);
      const Position after = push(at, right);
      agent.remember({at, after, right ? 1 : 0, has_fallen(after)});
      agent.learn(random);
      at = after;
    }
    if (episode % 25 != 0) continue;
    const double steps = judge(agent, 6);
    std::cout << "episode " << episode << ": " << steps << " steps\n";
    if (steps >= 0.95 * kLongest) break;
  }
  const double steps = judge(agent, 7);
  std::cout << "the pole stays up for " << steps << " of " << kLongest
            << " steps in other episodes (at least 250 wanted)\n";
  return steps >= 250 ? 0 : 1;
}
