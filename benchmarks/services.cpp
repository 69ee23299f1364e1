// A service that sees every batch size: memory and the time of a call over 5,000 of them, trained
// and predicted. Prints a table; nothing is asserted.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0, resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// The median of many calls, in microseconds.
template <class F>
double microseconds(F&& call) {
  std::vector<double> times(2001);
  for (double& time : times) {
    const auto start = std::chrono::steady_clock::now();
    call();
    time =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }
  std::nth_element(times.begin(), times.begin() + 1000, times.end());
  return times[1000];
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t sizes = argc > 1 ? std::atoll(argv[1]) : 5000;
  Sequential model({Input({.shape = {32}}),
                    layers::Dense({.units = 64, .activation = "relu"}),
                    layers::Dense({.units = 1})});
  model.compile({.optimizer = "adam", .loss = "mse"});
  const Tensor x = random::normal({sizes, 32}, {.seed = 1});
  const Tensor y = random::normal({sizes, 1}, {.seed = 2});
  const Tensor one = ops::slice(x, {{0, 1}});
  std::printf("%8s %12s %22s\n", "sizes", "RSS (MiB)", "predict, 1 row (us)");
  const auto report = [&](std::int64_t n) {
    model.predict_on_batch(one);
    const double time = microseconds([&] { model.predict_on_batch(one); });
    std::printf("%8lld %12.1f %22.3f\n", static_cast<long long>(n), resident_mib(), time);
  };
  report(0);
  for (std::int64_t n = 1; n <= sizes; ++n) {
    const Tensor some = ops::slice(x, {{0, n}});
    model.train_on_batch(some, ops::slice(y, {{0, n}}));
    model.predict_on_batch(some);
    if (n == 250 || n % (sizes / 5) == 0) report(n);
  }
}
