#include <nyala/core/kernels/blas_core.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include <nyala/core/log.hpp>

#if NYALA_OPENBLAS
// NOLINTBEGIN(readability-identifier-naming): OpenBLAS's names
extern "C" {
char* openblas_get_corename(void);
void openblas_set_num_threads(int count);
}
// NOLINTEND(readability-identifier-naming)
#endif

namespace nyala::kernels {
namespace {

#if NYALA_OPENBLAS

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512cd");
#else
  return false;
#endif
}

bool is_avx512_core(std::string_view name) {
  constexpr std::array<std::string_view, 3> names = {"SkylakeX", "Cooperlake", "SapphireRapids"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

// An OpenBLAS older than the CPU takes it for a Haswell and runs at half its speed. The choice is
// made when the library is loaded, from a variable of the environment; these two undocumented
// functions make it again. Where they are missing, or the user has chosen, nothing happens.
void choose_core() {
  constexpr const char* variable = "OPENBLAS_CORETYPE";
  if (!has_avx512() || std::getenv(variable) != nullptr) return;
  if (is_avx512_core(openblas_get_corename())) return;
  using Function = void (*)();
  const auto quit = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit"));
  const auto init = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init"));
  if (quit == nullptr || init == nullptr) return;
  setenv(variable, "SkylakeX", 0);
  quit();
  init();
  unsetenv(variable);
}

std::string prepare() {
  const std::string found = openblas_get_corename();
  choose_core();
  // Nyala splits products over its own threads, in blocks that do not depend on their number.
  openblas_set_num_threads(1);
  std::string name = openblas_get_corename();
  log_debug("OpenBLAS runs its " + name + " kernels" +
            (name == found ? "" : " (it had chosen " + found + ")"));
  return name;
}

#else

std::string prepare() { return "BLAS"; }

#endif

}  // namespace

std::string_view blas_kernels() {
  static const std::string name = prepare();
  return name;
}

void prepare_blas() { blas_kernels(); }

}  // namespace nyala::kernels
