#pragma once
#include <string>
#include <vector>

#include <nyala/nyala.hpp>

#include "measure.hpp"

namespace bench {

/// What a workload is good for, beside the full table.
enum Tag : unsigned { kPlain = 0, kQuick = 1, kOverhead = 2, kThreads = 4, kGrowth = 8 };

/// One thing measured. `make` builds its data and gives one step, which counts as `units` ones.
struct Workload {
  std::string name;
  std::string what;
  std::function<Step()> make;
  double units = 1;
  unsigned tags = kPlain;
  /// The least arithmetic and traffic that a step needs, for its share of the machine's peak.
  double flops = 0;
  double bytes = 0;
};

const std::vector<Workload>& workloads();
/// The workload of this name, null when there is none.
const Workload* find_workload(const std::string& name);

// Each file of workloads/ adds its own.
void add_small_ops(std::vector<Workload>& list);
void add_dots(std::vector<Workload>& list);
void add_kernels(std::vector<Workload>& list);
void add_models(std::vector<Workload>& list);
void add_convolutions(std::vector<Workload>& list);
void add_sequences(std::vector<Workload>& list);
void add_growth(std::vector<Workload>& list);
/// Says of those that are there what they multiply.
void add_arithmetic(std::vector<Workload>& list);

/// Floats between low and high, as every program has them.
inline nyala::Tensor numbers(const nyala::Shape& shape,
                             std::uint32_t seed = 1,
                             float low = -1,
                             float high = 1) {
  return nyala::Tensor::from(floats(shape.num_elements(), seed, low, high), shape);
}

}  // namespace bench
