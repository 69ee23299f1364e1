// A recommender by matrix factorisation: a vector for each user and each film, a bias for each, and
// Dot. Give it a CSV file of lines `user,item,rating` with numbers from 0; without one it makes
// ratings up from hidden tastes, and says so.
#include <cmath>
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

namespace {

// Ratings from 1 to 5 that five hidden tastes explain, but for noise of 0.3.
Tensor generate_ratings() {
  const int users = 300;
  const int items = 200;
  const std::int64_t count = 20000;
  const Tensor user = random::randint({count}, 0, users);
  const Tensor item = random::randint({count}, 0, items);
  const Tensor taste = ops::take(random::normal({users, 5}), user, {.axis = 0});
  const Tensor style = ops::take(random::normal({items, 5}), item, {.axis = 0});
  const Tensor rating = ops::clip(
      ops::sum(taste * style, {.axis = 1}) * 0.5 + 3 + random::normal({count}) * 0.3, 1, 5);
  return ops::stack({ops::cast(user, float32), ops::cast(item, float32), rating}, {.axis = 1});
}

int highest(const Tensor& ids) { return ops::max(ids).item<int>() + 1; }

}  // namespace

int main(int argc, char** argv) {
  set_random_seed(5);
  if (argc < 2) std::cout << "no CSV file given: the ratings are made up from hidden tastes\n";
  const Tensor ratings =
      random::shuffle(argc > 1 ? example::read_csv(argv[1]) : generate_ratings());
  const Tensor users = ops::cast(ops::slice_axis(ratings, 1, 0, 1), int32);
  const Tensor items = ops::cast(ops::slice_axis(ratings, 1, 1, 2), int32);
  const Tensor stars = ops::slice_axis(ratings, 1, 2, 3);

  const Symbol user = Input({.shape = {1}, .dtype = int32, .name = "user"});
  const Symbol item = Input({.shape = {1}, .dtype = int32, .name = "item"});
  const auto embed = [](const Symbol& id, int rows, int size, double penalty) {
    return layers::Flatten()(
        layers::Embedding({.input_dim = rows,
                           .output_dim = size,
                           .embeddings_regularizer = regularizers::L2({.l2 = penalty})})(id));
  };
  const int num_users = highest(users);
  const int num_items = highest(items);
  const Symbol match = layers::Dot({.axes = 1, .name = "match"})(
      {embed(user, num_users, 8, 2e-5), embed(item, num_items, 8, 2e-5)});
  const Symbol bias =
      layers::Add()({match, embed(user, num_users, 1, 2e-5), embed(item, num_items, 1, 2e-5)});
  Model model({user, item}, layers::Dense({.units = 1})(bias), {.name = "recommender"});
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                 .loss = "mse",
                 .metrics = {metrics::RootMeanSquaredError({.name = "rmse"})}});
  const History history =
      model.fit({users, items},
                stars,
                {.batch_size = 128, .epochs = 20, .verbose = 2, .validation_split = 0.1});

  const double spread = ops::std(stars).item<double>();
  const double rmse = history["val_rmse"].back();
  std::cout << "error on ratings not trained on: " << rmse << " (below 0.7 of their spread, "
            << spread << ", wanted)\n";
  return rmse < 0.7 * spread ? 0 : 1;
}
