// A lower bound: plain C++ for these very networks and this very CPU. Sizes are constants, loops
// are the natural ones, the compiler vectorises them; products of some size go to OpenBLAS.
#include <cblas.h>

#include <array>
#include <cmath>
#include <memory>

#include "../measure.hpp"

namespace {

using bench::floats;
using bench::integers;
using bench::Measured;
using Floats = std::vector<float>;

Floats glorot(int rows, int columns, std::uint32_t seed) {
  const float limit = std::sqrt(6.0f / static_cast<float>(rows + columns));
  return floats(std::int64_t{rows} * columns, seed, -limit, limit);
}

struct Adam {
  float rate;
  double power1 = 1, power2 = 1;
  float alpha = 0;

  void begin_step() {
    power1 *= 0.9;
    power2 *= 0.999;
    alpha = static_cast<float>(rate * std::sqrt(1 - power2) / (1 - power1));
  }
  void update(std::size_t n,
              float* __restrict w,
              const float* __restrict g,
              float* __restrict m,
              float* __restrict v) const {
    for (std::size_t i = 0; i < n; ++i) {
      m[i] += (g[i] - m[i]) * 0.1f;
      v[i] += (g[i] * g[i] - v[i]) * 0.001f;
      w[i] -= alpha * m[i] / (std::sqrt(v[i]) + 1e-7f);
    }
  }
};

// One row of scores becomes probabilities, then the loss's gradient.
float softmax_crossentropy(float* row, int classes, int label, float scale) {
  float highest = row[0];
  for (int k = 1; k < classes; ++k) highest = std::max(highest, row[k]);
  float sum = 0;
  for (int k = 0; k < classes; ++k) sum += row[k] = std::exp(row[k] - highest);
  for (int k = 0; k < classes; ++k) row[k] /= sum;
  const float loss = -std::log(row[label]);
  for (int k = 0; k < classes; ++k) row[k] *= scale;
  row[label] -= scale;
  return loss;
}

// 2-8-1, tanh and sigmoid, SGD, on the four cases of xor.
struct Xor {
  static constexpr int B = 4, I = 2, H = 8;
  float x[B][I] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  float y[B] = {0, 1, 1, 0};
  float w1[I][H], b1[H] = {}, w2[H], b2 = 0, loss = 0;

  Xor() {
    const Floats first = glorot(I, H, 1), second = glorot(H, 1, 2);
    std::copy(first.begin(), first.end(), &w1[0][0]);
    std::copy(second.begin(), second.end(), w2);
  }

  void step() {
    float h[B][H], d[B];
    for (int b = 0; b < B; ++b)
      for (int j = 0; j < H; ++j) h[b][j] = b1[j] + x[b][0] * w1[0][j] + x[b][1] * w1[1][j];
    for (int i = 0; i < B * H; ++i) (&h[0][0])[i] = std::tanh((&h[0][0])[i]);
    float sum = 0, db2 = 0;
    for (int b = 0; b < B; ++b) {
      float out = b2;
      for (int j = 0; j < H; ++j) out += h[b][j] * w2[j];
      const float p = 1 / (1 + std::exp(-out));
      sum -= std::log(y[b] > 0 ? p : 1 - p);
      d[b] = (p - y[b]) / B;
      db2 += d[b];
    }
    loss = sum / B;
    constexpr float rate = 0.1f;
    float dw1[I][H] = {}, db1[H] = {}, dw2[H] = {};
    for (int b = 0; b < B; ++b) {
      for (int j = 0; j < H; ++j) {
        const float dh = d[b] * w2[j] * (1 - h[b][j] * h[b][j]);
        dw2[j] += d[b] * h[b][j];
        db1[j] += dh;
        for (int i = 0; i < I; ++i) dw1[i][j] += x[b][i] * dh;
      }
    }
    for (int j = 0; j < H; ++j) {
      w2[j] -= rate * dw2[j];
      b1[j] -= rate * db1[j];
      for (int i = 0; i < I; ++i) w1[i][j] -= rate * dw1[i][j];
    }
    b2 -= rate * db2;
  }
};

// 4-16-3, relu and softmax, Adam.
struct Iris {
  static constexpr int B = 32, I = 4, H = 16, O = 3;
  struct Weights {
    float w1[I][H], b1[H], w2[H][O], b2[O];
  };
  static constexpr std::size_t kCount = sizeof(Weights) / sizeof(float);
  Floats x = floats(B * I, 1);
  std::vector<std::int32_t> y = integers(B, 9, O);
  Weights w = {}, m = {}, v = {};
  Adam adam{1e-3f};
  float loss = 0;

  Iris() {
    const Floats first = glorot(I, H, 1), second = glorot(H, O, 2);
    std::copy(first.begin(), first.end(), &w.w1[0][0]);
    std::copy(second.begin(), second.end(), &w.w2[0][0]);
  }

  void step() {
    Weights g = {};
    float sum = 0;
    for (int b = 0; b < B; ++b) {
      const float* in = &x[static_cast<std::size_t>(b * I)];
      float h[H], d[O];
      for (int j = 0; j < H; ++j) {
        float total = w.b1[j];
        for (int i = 0; i < I; ++i) total += in[i] * w.w1[i][j];
        h[j] = std::max(total, 0.0f);
      }
      for (int k = 0; k < O; ++k) {
        d[k] = w.b2[k];
        for (int j = 0; j < H; ++j) d[k] += h[j] * w.w2[j][k];
      }
      sum += softmax_crossentropy(d, O, y[static_cast<std::size_t>(b)], 1.0f / B);
      for (int k = 0; k < O; ++k) g.b2[k] += d[k];
      for (int j = 0; j < H; ++j) {
        float dh = 0;
        for (int k = 0; k < O; ++k) {
          g.w2[j][k] += h[j] * d[k];
          dh += d[k] * w.w2[j][k];
        }
        dh = h[j] > 0 ? dh : 0;
        g.b1[j] += dh;
        for (int i = 0; i < I; ++i) g.w1[i][j] += in[i] * dh;
      }
    }
    loss = sum / B;
    adam.begin_step();
    adam.update(kCount, &w.w1[0][0], &g.w1[0][0], &m.w1[0][0], &v.w1[0][0]);
  }
};

void product(bool ta, bool tb, int m, int n, int k, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor,
              ta ? CblasTrans : CblasNoTrans,
              tb ? CblasTrans : CblasNoTrans,
              m,
              n,
              k,
              1,
              a,
              ta ? m : k,
              b,
              tb ? k : n,
              0,
              c,
              n);
}

// Relu layers, softmax and Adam over OpenBLAS.
class Classifier {
 public:
  Classifier(int batch, std::vector<int> sizes, std::uint32_t seed = 1) : batch_(batch) {
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const int rows = sizes[i], columns = sizes[i + 1];
      const auto weights = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
      const auto count = weights + static_cast<std::size_t>(columns);
      Layer layer{rows,
                  columns,
                  glorot(rows, columns, seed++),
                  Floats(count),
                  Floats(count),
                  Floats(count),
                  Floats(static_cast<std::size_t>(batch * columns))};
      layer.w.resize(count);
      layers_.push_back(std::move(layer));
    }
    x_ = floats(std::int64_t{batch} * sizes.front(), 1, 0);
    y_ = integers(batch, 9, static_cast<std::uint32_t>(sizes.back()));
    for (int size : sizes)
      gradient_[0].resize(std::max(gradient_[0].size(), static_cast<std::size_t>(batch * size)));
    gradient_[1].resize(gradient_[0].size());
  }

  void step() {
    const float* in = x_.data();
    for (Layer& layer : layers_) in = forward(layer, in, &layer == &layers_.back());
    Layer& last = layers_.back();
    float sum = 0;
    for (int b = 0; b < batch_; ++b)
      sum += softmax_crossentropy(&last.out[static_cast<std::size_t>(b * last.columns)],
                                  last.columns,
                                  y_[static_cast<std::size_t>(b)],
                                  1.0f / static_cast<float>(batch_));
    loss_ = sum / static_cast<float>(batch_);
    const float* d = last.out.data();
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const float* below = i ? layers_[i - 1].out.data() : x_.data();
      d = backward(layers_[i], below, d, i ? gradient_[i % 2].data() : nullptr);
    }
    adam_.begin_step();
    for (Layer& l : layers_)
      adam_.update(l.w.size(), l.w.data(), l.g.data(), l.m.data(), l.v.data());
  }

 private:
  struct Layer {
    int rows, columns;
    Floats w, g, m, v;  // the matrix, then the bias
    Floats out;
    float* bias() { return w.data() + rows * columns; }
  };

  const float* forward(Layer& layer, const float* in, bool last) const {
    product(false, false, batch_, layer.columns, layer.rows, in, layer.w.data(), layer.out.data());
    const float* bias = layer.bias();
    for (int b = 0; b < batch_; ++b) {
      float* row = layer.out.data() + b * layer.columns;
      for (int j = 0; j < layer.columns; ++j) row[j] += bias[j];
      if (!last)
        for (int j = 0; j < layer.columns; ++j) row[j] = std::max(row[j], 0.0f);
    }
    return layer.out.data();
  }

  // The gradients of the layer's weights, and in `below` that of what came in.
  const float* backward(Layer& layer, const float* in, const float* d, float* below) const {
    product(true, false, layer.rows, layer.columns, batch_, in, d, layer.g.data());
    float* bias = layer.g.data() + layer.rows * layer.columns;
    std::fill(bias, bias + layer.columns, 0.0f);
    for (int b = 0; b < batch_; ++b)
      for (int j = 0; j < layer.columns; ++j) bias[j] += d[b * layer.columns + j];
    if (!below) return nullptr;
    product(false, true, batch_, layer.rows, layer.columns, d, layer.w.data(), below);
    for (int i = 0; i < batch_ * layer.rows; ++i) below[i] = in[i] > 0 ? below[i] : 0.0f;
    return below;
  }

  int batch_;
  std::vector<Layer> layers_;
  Floats x_, gradient_[2];
  std::vector<std::int32_t> y_;
  Adam adam_{1e-5f};
  float loss_ = 0;
};

// 784-128-10 for one row.
struct Predict {
  static constexpr int I = 784, H = 128, O = 10;
  Floats w1 = glorot(I, H, 1), w2 = glorot(H, O, 2), b1 = Floats(H), b2 = Floats(O);
  Floats x = floats(I, 1, 0), out = Floats(O);

  void step() {
    float h[H], scores[O];
    for (int j = 0; j < H; ++j) h[j] = b1[static_cast<std::size_t>(j)];
    const float* w = w1.data();
    for (int i = 0; i < I; ++i)
      for (int j = 0; j < H; ++j) h[j] += x[static_cast<std::size_t>(i)] * w[i * H + j];
    for (int k = 0; k < O; ++k) scores[k] = b2[static_cast<std::size_t>(k)];
    for (int j = 0; j < H; ++j)
      for (int k = 0; k < O; ++k)
        scores[k] += std::max(h[j], 0.0f) * w2[static_cast<std::size_t>(j * O + k)];
    float highest = scores[0], sum = 0;
    for (float score : scores) highest = std::max(highest, score);
    for (float& score : scores) sum += score = std::exp(score - highest);
    for (std::size_t k = 0; k < O; ++k) out[k] = scores[k] / sum;
  }
};

// Dot of rows, and both gradients.
struct DotVec {
  static constexpr int B = 256, N = 64;
  Floats a = floats(B * N, 1), b = floats(B * N, 2), g = Floats(B, 1);
  Floats out = Floats(B), da = Floats(B * N), db = Floats(B * N);

  void step() {
    for (std::size_t i = 0; i < B; ++i) {
      const float* __restrict p = &a[i * N];
      const float* __restrict q = &b[i * N];
      float* __restrict dp = &da[i * N];
      float* __restrict dq = &db[i * N];
      float sum = 0;
      for (int j = 0; j < N; ++j) sum += p[j] * q[j];
      for (int j = 0; j < N; ++j) dp[j] = g[i] * q[j];
      for (int j = 0; j < N; ++j) dq[j] = g[i] * p[j];
      out[i] = sum;
    }
  }
};

template <class Network, class... Args>
bench::Maker steps_of(Args... args) {
  return [=] {
    const auto network = std::make_shared<Network>(args...);
    return Measured{[network] {
      network->step();
      asm volatile("" : : : "memory");
    }};
  };
}

bench::Maker find(const std::string& name) {
  if (name == "xor_mlp") return steps_of<Xor>();
  if (name == "iris_mlp") return steps_of<Iris>();
  if (name == "mnist_mlp_small") return steps_of<Classifier>(32, std::vector{784, 128, 10});
  if (name == "mnist_mlp_big") return steps_of<Classifier>(128, std::vector{784, 512, 512, 10});
  if (name == "predict_row") return steps_of<Predict>();
  if (name == "dot_vec") return steps_of<DotVec>();
  return {};
}

}  // namespace

int main() {
  std::cout << "ready" << std::endl;
  bench::serve(find);
}
