#include <nyala/models/training/checkpoint.hpp>

#include <limits>
#include <map>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/npz.hpp>

namespace nyala {
namespace {

using saving::NamedTensors;

constexpr const char* kState = "state";
constexpr const char* kGenerator = "generator";
constexpr const char* kOrder = "order";
constexpr const char* kWeights = "weights";
constexpr const char* kSeeds = "seeds";
constexpr const char* kOptimizer = "optimizer";
constexpr const char* kMetrics = "metrics";
constexpr const char* kStates = "states";

std::string numbered(const std::string& group, std::size_t i) {
  return group + "/" + std::to_string(i);
}

std::string callback_group(std::size_t number) { return numbered("callbacks", number); }

void add(NamedTensors& to, const std::string& group, const std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) to.emplace_back(numbered(group, i), tensors[i]);
}

Tensor text_tensor(const std::string& text) {
  return Tensor::from(std::vector<std::uint8_t>(text.begin(), text.end()));
}

Config state_of(const Checkpoint& checkpoint) {
  Config state = Config::dict();
  state["epoch"] = checkpoint.epoch;
  state["step"] = checkpoint.position.step;
  state["seen"] = checkpoint.position.seen;
  state["stopped"] = checkpoint.stopped;
  Config callbacks = Config::list();
  for (const auto& [number, callback] : checkpoint.callbacks) {
    Config entry = Config::dict();
    entry["number"] = static_cast<std::int64_t>(number);
    entry["values"] = callback.values;
    callbacks.push_back(std::move(entry));
  }
  state["callbacks"] = std::move(callbacks);
  return state;
}

// The members of a file, by name.
class Members {
 public:
  explicit Members(NamedTensors&& tensors) {
    for (auto& [name, tensor] : tensors) tensors_.emplace(name, std::move(tensor));
  }
  Tensor at(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw FormatError("there is no \"" + name + "\"");
    return found->second;
  }
  std::vector<Tensor> group(const std::string& name) const {
    std::vector<Tensor> all;
    for (auto found = tensors_.find(numbered(name, 0)); found != tensors_.end();
         found = tensors_.find(numbered(name, all.size())))
      all.push_back(found->second);
    return all;
  }
  std::string text(const std::string& name) const {
    const Tensor bytes = at(name).contiguous();
    if (bytes.dtype() != DType::uint8) throw FormatError("\"" + name + "\" is no text");
    const auto* begin = bytes.data<std::uint8_t>();
    return {begin, begin + bytes.size()};
  }

 private:
  std::map<std::string, Tensor> tensors_;
};

std::int64_t count_at(const Config& state, const char* key) {
  const std::int64_t count = state.at(key).as_int();
  if (count < 0 || count > std::numeric_limits<int>::max())
    throw FormatError("\"" + std::string(key) + "\" is " + std::to_string(count));
  return count;
}

Checkpoint read(const Members& members) {
  const Config state = saving::parse_json(members.text(kState));
  Checkpoint checkpoint{
      .epoch = static_cast<int>(count_at(state, "epoch")),
      .position = {count_at(state, "step"), count_at(state, "seen"), members.at(kOrder)},
      .stopped = state.at("stopped").as_bool(),
      .weights = members.group(kWeights),
      .optimizer = members.group(kOptimizer),
      .metrics = members.group(kMetrics),
      .states = members.group(kStates),
      .generator = members.at(kGenerator),
      .seeds = members.group(kSeeds)};
  for (const Config& entry : state.at("callbacks").as_list()) {
    const auto number = static_cast<std::size_t>(count_at(entry, "number"));
    checkpoint.callbacks.emplace_back(
        number,
        callbacks::CallbackState{entry.at("values"), members.group(callback_group(number))});
  }
  return checkpoint;
}

}  // namespace

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  NamedTensors members{{kState, text_tensor(saving::to_json_text(state_of(checkpoint)))},
                       {kGenerator, checkpoint.generator},
                       {kOrder, checkpoint.position.generator}};
  add(members, kWeights, checkpoint.weights);
  add(members, kSeeds, checkpoint.seeds);
  add(members, kOptimizer, checkpoint.optimizer);
  add(members, kMetrics, checkpoint.metrics);
  add(members, kStates, checkpoint.states);
  for (const auto& [number, callback] : checkpoint.callbacks)
    add(members, callback_group(number), callback.tensors);
  saving::save_npz(path, members);
}

Checkpoint load_checkpoint(const std::string& path) {
  const Members members(saving::load_npz(path));
  try {
    return read(members);
  } catch (const Error& error) {
    throw FormatError(path + ": is no checkpoint of a training run: " + error.what());
  }
}

}  // namespace nyala
