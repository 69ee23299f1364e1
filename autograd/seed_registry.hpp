#pragma once
/// The generators of the program, for those who keep their states: training that is to be resumed.
#include <vector>

#include <nyala/autograd/random.hpp>

namespace nyala::random {

/// The generator of draws without a seed, which `set_random_seed` resets.
const SeedGenerator& global_seed_generator();

/// The states of all other generators alive (those of layers among them), in the order in which
/// they were made.
std::vector<Variable> seed_states();

}  // namespace nyala::random
