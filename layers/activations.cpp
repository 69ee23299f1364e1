#include <nyala/layers/activations.hpp>

#include <map>
#include <mutex>

#include <nyala/core/ops.hpp>
#include <nyala/core/text.hpp>

namespace nyala {
namespace activations {
namespace {

using Plain = Tensor (*)(const Tensor&);
struct Known {
  const char* name;
  Plain function;  // null for linear
};

// Keras's activations, with the defaults of its functions.
constexpr Known kKnown[] = {
    {"linear", nullptr},
    {"celu", [](const Tensor& x) { return ops::celu(x); }},
    {"elu", [](const Tensor& x) { return ops::elu(x); }},
    {"exponential", [](const Tensor& x) { return ops::exp(x); }},
    {"gelu", [](const Tensor& x) { return ops::gelu(x, /*approximate=*/false); }},
    {"glu", [](const Tensor& x) { return ops::glu(x); }},
    {"hard_shrink", [](const Tensor& x) { return ops::hard_shrink(x); }},
    {"hard_sigmoid", [](const Tensor& x) { return ops::hard_sigmoid(x); }},
    {kOldHardSigmoid, [](const Tensor& x) { return ops::clip(0.2 * x + 0.5, 0, 1); }},
    {"hard_silu", [](const Tensor& x) { return ops::hard_silu(x); }},
    {"hard_tanh", [](const Tensor& x) { return ops::hard_tanh(x); }},
    {"leaky_relu", [](const Tensor& x) { return ops::leaky_relu(x); }},
    {"log_sigmoid", [](const Tensor& x) { return ops::log_sigmoid(x); }},
    {"log_softmax", [](const Tensor& x) { return ops::log_softmax(x); }},
    {"mish", [](const Tensor& x) { return ops::mish(x); }},
    {"relu", [](const Tensor& x) { return ops::relu(x); }},
    {"relu6", [](const Tensor& x) { return ops::relu6(x); }},
    {"selu", [](const Tensor& x) { return ops::selu(x); }},
    {"sigmoid", [](const Tensor& x) { return ops::sigmoid(x); }},
    {"silu", [](const Tensor& x) { return ops::silu(x); }},
    {"soft_shrink", [](const Tensor& x) { return ops::soft_shrink(x); }},
    {"softmax", [](const Tensor& x) { return ops::softmax(x); }},
    {"softplus", [](const Tensor& x) { return ops::softplus(x); }},
    {"softsign", [](const Tensor& x) { return ops::softsign(x); }},
    {"sparse_plus", [](const Tensor& x) { return ops::sparse_plus(x); }},
    {"sparse_sigmoid", [](const Tensor& x) { return ops::sparse_sigmoid(x); }},
    {"sparsemax", [](const Tensor& x) { return ops::sparsemax(x); }},
    {"squareplus", [](const Tensor& x) { return ops::squareplus(x); }},
    {"tanh", [](const Tensor& x) { return ops::tanh(x); }},
    {"tanh_shrink", [](const Tensor& x) { return ops::tanh_shrink(x); }},
    {"threshold",
     [](const Tensor&) -> Tensor {
       throw TypeError("activation \"threshold\" needs a threshold and a value: give a function");
     }},
};
constexpr std::pair<const char*, const char*> kAliases[] = {{"swish", "silu"},
                                                            {"hard_swish", "hard_silu"}};

struct Registered {
  std::mutex mutex;
  std::map<std::string, Function> functions;
};
Registered& registered() {
  static Registered all;
  return all;
}

}  // namespace

void register_activation(const std::string& name, Function function) {
  if (!function) throw ValueError("activation \"" + name + "\" was registered without a function");
  const std::lock_guard lock(registered().mutex);
  registered().functions[name] = std::move(function);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Known& known : kKnown) all.emplace_back(known.name);
  for (const auto& alias : kAliases) all.emplace_back(alias.first);
  const std::lock_guard lock(registered().mutex);
  for (const auto& [name, function] : registered().functions) all.push_back(name);
  return all;
}

Activation::Activation(const char* name) : Activation(nyala::detail::text_of(name)) {}

Activation::Activation(const std::string& name) : name_(name) {
  {
    const std::lock_guard lock(registered().mutex);
    const auto found = registered().functions.find(name);
    if (found != registered().functions.end()) {
      function_ = found->second;
      return;
    }
  }
  for (const auto& [alias, target] : kAliases) {
    if (name == alias) name_ = target;
  }
  for (const Known& known : kKnown) {
    if (name_ != known.name) continue;
    if (known.function != nullptr) function_ = known.function;
    return;
  }
  nyala::detail::throw_unknown_name("activation", name, names());
}

Activation::Activation(Function function, std::string name)
    : name_(std::move(name)), function_(std::move(function)) {}

}  // namespace activations

namespace {

Config layer_record(const char* class_name, Config config) {
  return Config::Dict{{"module", "keras.layers"},
                      {"class_name", class_name},
                      {"config", std::move(config)},
                      {"registered_name", nullptr}};
}

// Layers that compute it in Keras 3, which takes whatever can be called for an activation.
Config old_hard_sigmoid() {
  const Config scaled = Config::Dict{{"name", "rescaling"}, {"scale", 0.2}, {"offset", 0.5}};
  const Config cut = Config::Dict{{"name", "re_lu"}, {"max_value", 1.0}};
  const Config layers = Config::List{layer_record("Rescaling", scaled), layer_record("ReLU", cut)};
  return Config::Dict{
      {"module", "keras"},
      {"class_name", "Sequential"},
      {"config", Config::Dict{{"name", activations::kOldHardSigmoid}, {"layers", layers}}},
      {"registered_name", nullptr}};
}

}  // namespace

Config ConfigCodec<activations::Activation>::to(const activations::Activation& activation) {
  if (activation.name() == activations::kOldHardSigmoid) return old_hard_sigmoid();
  return activation.name();
}

activations::Activation ConfigCodec<activations::Activation>::from(const Config& config) {
  if (config.is_null()) return {};
  if (!config.is_dict()) return config.as_string();
  if (const Config* name = config.find("registered_name"); name != nullptr && name->is_string()) {
    for (const std::string& known : activations::names()) {
      if (known == name->as_string()) return known;
    }
  }
  if (config == old_hard_sigmoid()) return activations::kOldHardSigmoid;
  const Config* name = config.find("config");
  if (name == nullptr || !name->is_string()) name = &config.at("class_name");
  return name->as_string();
}

NYALA_DEFINE_OPTION_TYPE(activations::Activation)

}  // namespace nyala
