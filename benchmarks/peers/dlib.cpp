// The dense networks in dlib.
#include <dlib/dnn.h>
#include <dlib/revision.h>

#include <memory>

#include "../measure.hpp"

namespace {

using namespace dlib;
using bench::Measured;
using Row = matrix<float>;

template <int units, class Below>
using hidden = relu<fc<units, Below>>;
using XorNet = loss_binary_log<fc<1, htan<fc<8, input<Row>>>>>;
using IrisNet = loss_multiclass_log<fc<3, hidden<16, input<Row>>>>;
using SmallNet = loss_multiclass_log<fc<10, hidden<128, input<Row>>>>;
using BigNet = loss_multiclass_log<fc<10, hidden<512, hidden<512, input<Row>>>>>;
using ScoreNet = softmax<fc<10, hidden<128, input<Row>>>>;

std::vector<Row> rows(std::vector<float> values, long width) {
  std::vector<Row> result;
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(width))
    result.push_back(mat(&values[i], width, 1));
  return result;
}

template <class Net, class Label, class Solver>
Measured train(std::vector<Row> x, std::vector<Label> y, Solver solver, double rate) {
  struct State {
    Net net;
    resizable_tensor x;
    std::vector<Label> y;
    std::vector<Solver> solvers;
  };
  const auto state = std::make_shared<State>();
  state->net.to_tensor(x.begin(), x.end(), state->x);
  state->y = y;
  state->solvers.assign(Net::num_computational_layers, solver);
  return {[state, rate] {
    state->net.compute_parameter_gradients(state->x, state->y.begin());
    state->net.update_parameters(make_sstack(state->solvers), rate);
  }};
}

Measured train_xor() {
  return train<XorNet>(
      rows({0, 0, 0, 1, 1, 0, 1, 1}, 2), std::vector<float>{-1, 1, 1, -1}, sgd(0, 0), 0.1);
}

template <class Net>
Measured train_classifier(long batch, long width, std::uint32_t classes, float low, double rate) {
  return train<Net>(rows(bench::floats(batch * width, 1, low), width),
                    bench::integers<unsigned long>(batch, 9, classes),
                    adam(0, 0.9f, 0.999f),
                    rate);
}

Measured predict_row() {
  struct State {
    ScoreNet net;
    resizable_tensor x;
  };
  const auto state = std::make_shared<State>();
  const auto x = rows(bench::floats(784, 1, 0), 784);
  state->net.to_tensor(x.begin(), x.end(), state->x);
  return {[state] { state->net.forward(state->x); }};
}

bench::Maker find(const std::string& name) {
  const std::map<std::string, bench::Maker> makers = {
      {"xor_mlp", train_xor},
      {"iris_mlp", [] { return train_classifier<IrisNet>(32, 4, 3, -1, 1e-3); }},
      {"mnist_mlp_small", [] { return train_classifier<SmallNet>(32, 784, 10, 0, 1e-5); }},
      {"mnist_mlp_big", [] { return train_classifier<BigNet>(128, 784, 10, 0, 1e-5); }},
      {"predict_row", predict_row}};
  const auto found = makers.find(name);
  return found == makers.end() ? bench::Maker{} : found->second;
}

}  // namespace

int main() {
  std::cout << "ready dlib " << DLIB_MAJOR_VERSION << '.' << DLIB_MINOR_VERSION << std::endl;
  bench::serve(find);
}
