// Training steps, predictions and streams of models that run over steps.
#include "task.hpp"

using namespace nyala;

namespace bench {
namespace {

Sequential sequence_model(const Layer& layer, std::int64_t steps = 50) {
  const Layer last = layers::Dense({.units = 1, .dtype = "float32"});
  return Sequential({Input({.shape = {steps, 32}}), layer, last});
}

Model transformer_model() {
  const Symbol x = Input({.shape = {64, 64}});
  const auto normalized = [](const Symbol& sum) {
    return layers::LayerNormalization({.epsilon = 1e-5})(sum);
  };
  const Symbol attended =
      normalized(x + layers::MultiHeadAttention({.num_heads = 4, .key_dim = 16})({x, x}));
  const Symbol hidden = layers::Dense({.units = 256, .activation = "relu"})(attended);
  const Symbol block = normalized(attended + layers::Dense(64)(hidden));
  const Symbol mean = layers::GlobalAveragePooling1D()(block);
  return Model(x, layers::Dense({.units = 2, .activation = "softmax", .dtype = "float32"})(mean));
}

Task transformer() {
  return compiled(transformer_model(),
                  numbers({32, 64, 64}),
                  classes(32, 2),
                  "sparse_categorical_crossentropy",
                  adam(1e-5));
}

// Sentences of 20 words and more, filled up with zeros.
Tensor words(std::int64_t count, std::int64_t length) {
  const auto most = static_cast<std::uint32_t>(length);
  const auto more = integers(count, 2, most - 19);
  auto ids = integers(count * length, 1, 4999);
  for (std::int64_t i = 0; i < count * length; ++i) {
    std::int32_t& id = ids[static_cast<std::size_t>(i)];
    id = i % length < 20 + more[static_cast<std::size_t>(i / length)] ? id + 1 : 0;
  }
  return Tensor::from(ids, {count, length});
}

Task text_bilstm() {
  Sequential model({Input({.shape = {None}, .dtype = "int32"}),
                    layers::Embedding({.input_dim = 5000, .output_dim = 32, .mask_zero = true}),
                    layers::Bidirectional({.layer = layers::LSTM(32)}),
                    layers::Dense({.units = 1, .activation = "sigmoid"})});
  return compiled(model,
                  words(32, 100),
                  ops::cast(Tensor::from(integers(32, 3, 2), {32, 1}), float32),
                  "binary_crossentropy",
                  adam(1e-5));
}

Model conv1d_stack_model(std::int64_t steps) {
  const Symbol x = Input({.shape = {steps, 1}});
  Symbol h = x;
  for (const int dilation : {1, 2, 4, 8, 16, 32}) {
    h = layers::Conv1D({.filters = 32,
                        .kernel_size = 3,
                        .padding = "causal",
                        .dilation_rate = dilation,
                        .activation = "relu"})(h);
  }
  return Model(x, layers::Conv1D({.filters = 1, .kernel_size = 1})(h));
}

Task conv1d_stack() {
  return compiled(
      conv1d_stack_model(1000), numbers({8, 1000, 1}), numbers({8, 1000, 1}, 2), "mse", adam(1e-5));
}

// The model's output for the next sample of a signal.
Step stream(const Model& model) {
  return [session = std::make_shared<Session>(model), x = numbers({1, 1})] { session->step(x); };
}

Model stream_lstm_model() {
  const Symbol x = Input({.shape = {None, 1}});
  const Symbol h = layers::LSTM({.units = 16, .return_sequences = true})(x);
  return Model(x, layers::Dense(1)(h));
}

}  // namespace

Task sequence(const Layer& layer, std::int64_t steps) {
  return compiled(sequence_model(layer, steps),
                  numbers({32, steps, 32}),
                  numbers({32, 1}, 2),
                  "mse",
                  adam(1e-5));
}

void add_sequences(std::vector<Workload>& list) {
  const auto trained = [&](const char* name, const char* what, Task (*task)()) {
    list.push_back({name, what, [task] { return train(task()); }, 1, kThreads});
  };
  const auto once = [&](const char* name, const char* what, std::function<Step()> make) {
    list.push_back({name, what, std::move(make)});
  };
  trained("lstm", "50 steps of 32, LSTM of 64 units, Dense 1, Adam, batch 32", [] {
    return sequence(layers::LSTM(64));
  });
  trained("lstm_bf16", "the same with LSTM of mixed_bfloat16", [] {
    return mixed([] { return sequence(layers::LSTM(64)); });
  });
  trained("gru", "lstm with GRU", [] { return sequence(layers::GRU(64)); });
  trained("transformer",
          "64 steps of 64: attention of 4 heads, 256 hidden units, normalised; Adam, batch 32",
          transformer);
  trained("transformer_bf16", "the same with hidden layers of mixed_bfloat16", [] {
    return mixed(transformer);
  });
  trained("text_bilstm",
          "100 words or fewer, Embedding 5000x32 with a mask, Bidirectional LSTM of 32, batch 32",
          text_bilstm);
  trained("conv1d_stack", "six dilated causal convolutions of 1000x32, batch 8", conv1d_stack);
  once("predict_lstm", "one row of lstm", [] {
    return predict(sequence_model(layers::LSTM(64)), numbers({1, 50, 32}));
  });
  once("predict_gru", "one row of gru", [] {
    return predict(sequence_model(layers::GRU(64)), numbers({1, 50, 32}));
  });
  once("predict_transformer", "one row of transformer", [] {
    return predict(transformer_model(), numbers({1, 64, 64}));
  });
  once("stream_lstm", "one sample through LSTM of 16 units and Dense 1", [] {
    return stream(stream_lstm_model());
  });
  once("stream_conv1d", "one sample through conv1d_stack", [] {
    return stream(conv1d_stack_model(None));
  });
}

}  // namespace bench
