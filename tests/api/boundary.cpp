// What crosses from the library to a program and back, where the library is a shared one: the types
// of errors and layers, templates that both instantiate, and the tape of a thread.
#include <nyala/nyala.hpp>

#include <string>

#include "check.hpp"

using namespace nyala;

namespace {

// An error of the program's own, through the library's frames.
struct Stop : Error {
  using Error::Error;
};

class StopAtFirstEpoch : public callbacks::Callback {
 public:
  void on_epoch_end(int, callbacks::Logs&) override { throw Stop("enough"); }
};

}  // namespace

int main() {
  bool caught = false;
  try {
    (void)ops::reshape(ops::ones({2, 3}), {4});
  } catch (const ShapeError& error) {
    caught = dynamic_cast<const ValueError*>(static_cast<const Error*>(&error)) != nullptr;
  }
  CHECK(caught);

  const layers::Dense dense({.units = 2});
  const auto* base = dynamic_cast<const LayerBase<layers::DenseArgs>*>(dense.shared().get());
  CHECK(base != nullptr && base->args().units == 2);
  CHECK(dynamic_cast<const LayerBase<layers::DropoutArgs>*>(dense.shared().get()) == nullptr);

  // The tape that the program begins is the one that the library's ops are recorded on.
  const Variable x(ops::full({}, 3.0f));
  GradientTape tape;
  const Tensor y = x * x;
  CHECK(tape.gradient(y, x).item<float>() == 6.0f);

  Sequential model({Input({.shape = {2}}), dense});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  caught = false;
  try {
    model.fit(ops::ones({4, 2}),
              ops::ones({4, 2}),
              {.epochs = 3, .verbose = 0, .callbacks = {StopAtFirstEpoch()}});
  } catch (const Stop& stop) {
    caught = std::string(stop.what()) == "enough";
  }
  CHECK(caught);

  const Model twin = model_from_json(model.to_json());
  CHECK(twin.layers().size() == 1);
}
