// The workloads in libtorch, the optimizers by its fused kernels.
#include <torch/torch.h>

#include <cmath>
#include <memory>

#include "../measure.hpp"

namespace {

namespace F = torch::nn::functional;
using bench::Measured;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

constexpr int kOps = 1000;

Tensor numbers(at::IntArrayRef shape, std::uint32_t seed, float low = -1, float high = 1) {
  const auto values = bench::floats(c10::multiply_integers(shape), seed, low, high);
  return torch::tensor(values).reshape(shape);
}
Tensor ids(std::int64_t count, std::uint32_t seed, std::uint32_t high) {
  return torch::tensor(bench::integers<std::int64_t>(count, seed, high));
}

Tensor chain(Tensor y) {
  static const Tensor factor = torch::full({16}, 1.01), term = torch::full({16}, 0.01);
  for (int i = 0; i < kOps / 3; ++i) y = torch::tanh(y * factor + term);
  return y * factor;
}

// A step that needs no gradient.
template <class Body>
bench::Step inference(Body body) {
  return [body]() mutable {
    const c10::InferenceMode guard;
    body();
  };
}

Measured small_ops_forward() {
  chain(torch::zeros({16}));  // its constants must not come from inference mode
  return {inference([x = torch::full({16}, 0.5)] { chain(x); }), kOps};
}

Measured small_ops_gradient() {
  const Tensor x = torch::full({16}, 0.5).requires_grad_();
  return {[x, one = torch::ones({16})] { torch::autograd::grad({chain(x)}, {x}, {one}); }, kOps};
}

Measured dot_tiny() {
  const Tensor x = torch::arange(10.0f).reshape({1, 5, 2});
  const Tensor y = torch::arange(10.0f, 20.0f).reshape({1, 2, 5});
  return {inference([=] { torch::bmm(x.transpose(1, 2), y.transpose(1, 2)); })};
}

Measured dot(at::IntArrayRef shape, bool normalized) {
  const Tensor a = numbers(shape, 1).requires_grad_(), b = numbers(shape, 2).requires_grad_();
  const bool attention = shape.size() == 3;
  const auto forward = [=] {
    const auto options = F::NormalizeFuncOptions().dim(-1);
    const Tensor x = normalized ? F::normalize(a, options) : a;
    const Tensor y = normalized ? F::normalize(b, options) : b;
    return attention ? torch::bmm(x, y.transpose(1, 2)) : (x * y).sum(1, true);
  };
  const Tensor one = torch::ones_like(forward());
  return {[=] { torch::autograd::grad({forward()}, {a, b}, {one}); }};
}

// The parameters and a fused update of all of them.
class Optimizer {
 public:
  Optimizer(Tensors parameters, bool sgd, double rate)
      : parameters_(std::move(parameters)), sgd_(sgd), rate_(rate) {
    for (const Tensor& p : parameters_) {
      m_.push_back(torch::zeros_like(p));
      v_.push_back(torch::zeros_like(p));
      steps_.push_back(torch::zeros({}));
    }
  }
  void step() {
    const torch::NoGradGuard guard;
    Tensors gradients;
    for (const Tensor& p : parameters_) gradients.push_back(p.grad());
    if (sgd_) {
      at::_fused_sgd_(parameters_, gradients, {}, 0.0, 0.0, rate_, 0.0, false, false, true);
    } else {
      at::_foreach_add_(steps_, 1);
      at::_fused_adam_(
          parameters_, gradients, m_, v_, {}, steps_, rate_, 0.9, 0.999, 0.0, 1e-7, false, false);
    }
    for (Tensor& p : parameters_) p.mutable_grad().reset();
  }

 private:
  Tensors parameters_, m_, v_, steps_;
  bool sgd_;
  double rate_;
};

template <class Loss>
Measured train(Tensors parameters, bool sgd, double rate, Loss loss) {
  const auto optimizer = std::make_shared<Optimizer>(std::move(parameters), sgd, rate);
  return {[=]() mutable {
    loss().backward();
    optimizer->step();
  }};
}

torch::nn::Sequential mlp(const std::vector<std::int64_t>& sizes, bool tanh = false) {
  torch::nn::Sequential net;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    net->push_back(torch::nn::Linear(sizes[i], sizes[i + 1]));
    if (i + 2 == sizes.size()) break;
    if (tanh)
      net->push_back(torch::nn::Tanh());
    else
      net->push_back(torch::nn::ReLU());
  }
  return net;
}

Measured xor_mlp() {
  auto net = mlp({2, 8, 1}, true);
  const Tensor x = torch::tensor({0.f, 0.f, 0.f, 1.f, 1.f, 0.f, 1.f, 1.f}).reshape({4, 2});
  const Tensor y = torch::tensor({0.f, 1.f, 1.f, 0.f}).reshape({4, 1});
  return train(net->parameters(), true, 0.1, [=]() mutable {
    return torch::binary_cross_entropy_with_logits(net->forward(x), y);
  });
}

Measured classifier(std::int64_t batch, std::vector<std::int64_t> sizes, float low, double rate) {
  auto net = mlp(sizes);
  const Tensor x = numbers({batch, sizes.front()}, 1, low);
  const Tensor y = ids(batch, 9, static_cast<std::uint32_t>(sizes.back()));
  return train(net->parameters(), false, rate, [=]() mutable {
    return torch::cross_entropy_loss(net->forward(x), y);
  });
}

// Adam on the rows that a batch names.
class LazyAdam {
 public:
  LazyAdam(Tensor table, double rate)
      : table_(std::move(table)),
        m_(torch::zeros_like(table_)),
        v_(torch::zeros_like(table_)),
        rate_(rate) {}
  void step() {
    const torch::NoGradGuard guard;
    power1_ *= 0.9;
    power2_ *= 0.999;
    const Tensor gradient = table_.grad().coalesce();
    const Tensor rows = gradient.indices()[0], values = gradient.values();
    const Tensor m = m_.index_select(0, rows).mul_(0.9).add_(values, 0.1);
    const Tensor v = v_.index_select(0, rows).mul_(0.999).addcmul_(values, values, 0.001);
    m_.index_copy_(0, rows, m);
    v_.index_copy_(0, rows, v);
    const double alpha = rate_ * std::sqrt(1 - power2_) / (1 - power1_);
    table_.index_add_(0, rows, m.div(v.sqrt().add_(1e-7)), -alpha);
    table_.mutable_grad().reset();
  }

 private:
  Tensor table_, m_, v_;
  double rate_, power1_ = 1, power2_ = 1;
};

Measured two_tower(bool lazy) {
  const Tensor users = numbers({10000, 32}, 4).mul_(0.05).requires_grad_();
  const Tensor items = numbers({5000, 32}, 5).mul_(0.05).requires_grad_();
  torch::nn::Linear out(1, 1);
  const Tensor user = ids(256, 1, 10000), item = ids(256, 2, 5000);
  const Tensor y = ids(256, 3, 2).to(torch::kFloat).reshape({256, 1});
  auto loss = [=]() mutable {
    const Tensor match = (torch::embedding(users, user, -1, false, lazy) *
                          torch::embedding(items, item, -1, false, lazy))
                             .sum(1, true);
    return torch::binary_cross_entropy_with_logits(out->forward(match), y);
  };
  if (!lazy) {
    Tensors parameters = out->parameters();
    parameters.insert(parameters.end(), {users, items});
    return train(parameters, false, 1e-4, loss);
  }
  const auto tables =
      std::make_shared<std::pair<LazyAdam, LazyAdam>>(LazyAdam(users, 1e-4), LazyAdam(items, 1e-4));
  const auto rest = std::make_shared<Optimizer>(out->parameters(), false, 1e-4);
  return {[=]() mutable {
    loss().backward();
    tables->first.step();
    tables->second.step();
    rest->step();
  }};
}

Measured siamese() {
  auto tower = mlp({128, 64, 32});
  const Tensor a = numbers({64, 128}, 1, 0), b = numbers({64, 128}, 2, 0),
               y = numbers({64, 1}, 3, 0);
  return train(tower->parameters(), false, 1e-5, [=]() mutable {
    const auto options = F::NormalizeFuncOptions().dim(1);
    const Tensor x = F::normalize(tower->forward(a), options);
    const Tensor z = F::normalize(tower->forward(b), options);
    return torch::mse_loss((x * z).sum(1, true), y);
  });
}

Measured predict_row() {
  auto net = mlp({784, 128, 10});
  return {inference(
      [net, x = numbers({1, 784}, 1, 0)]() mutable { torch::softmax(net->forward(x), 1); })};
}

Measured gemm(std::int64_t n) {
  const Tensor a = numbers({n, n}, 1), b = numbers({n, n}, 2);
  return {inference([a, b, c = torch::empty({n, n})]() mutable { torch::mm_out(c, a, b); })};
}

bench::Maker kernel(Tensor (*op)(const Tensor&), float low = -1, float high = 1) {
  return [=] {
    return Measured{inference([op, x = numbers({256, 1024}, 1, low, high)] { op(x); })};
  };
}

Measured batch_norm() {
  const auto layer = std::make_shared<torch::nn::BatchNorm1d>(
      torch::nn::BatchNorm1dOptions(1024).eps(1e-3).momentum(0.01));
  const Tensor x = numbers({256, 1024}, 1).requires_grad_(), dy = numbers({256, 1024}, 2);
  const std::vector<Tensor> sources = {x, (*layer)->weight, (*layer)->bias};
  return {[=] { torch::autograd::grad({(*layer)(x)}, sources, {dy}); }};
}

bench::Maker find(const std::string& name) {
  if (name.rfind("gemm_", 0) == 0) return [n = std::stoll(name.substr(5))] { return gemm(n); };
  const std::map<std::string, bench::Maker> makers = {
      {"small_ops_forward", small_ops_forward},
      {"small_ops_gradient", small_ops_gradient},
      {"dot_tiny", dot_tiny},
      {"dot_vec",
       [] {
         return dot({256, 64}, false);
       }},
      {"dot_vec_normalized",
       [] {
         return dot({256, 64}, true);
       }},
      {"dot_attn",
       [] {
         return dot({16, 128, 64}, false);
       }},
      {"dot_attn_normalized",
       [] {
         return dot({16, 128, 64}, true);
       }},
      {"xor_mlp", xor_mlp},
      {"iris_mlp",
       [] {
         return classifier(32, {4, 16, 3}, -1, 1e-3);
       }},
      {"mnist_mlp_small",
       [] {
         return classifier(32, {784, 128, 10}, 0, 1e-5);
       }},
      {"mnist_mlp_big",
       [] {
         return classifier(128, {784, 512, 512, 10}, 0, 1e-5);
       }},
      {"two_tower", [] { return two_tower(false); }},
      {"two_tower_lazy", [] { return two_tower(true); }},
      {"siamese", siamese},
      {"predict_row", predict_row},
      {"kernel_exp", kernel([](const Tensor& x) { return torch::exp(x); })},
      {"kernel_log", kernel([](const Tensor& x) { return torch::log(x); }, 0.01F, 10)},
      {"kernel_tanh", kernel([](const Tensor& x) { return torch::tanh(x); })},
      {"kernel_sigmoid", kernel([](const Tensor& x) { return torch::sigmoid(x); })},
      {"kernel_softmax", kernel([](const Tensor& x) { return torch::softmax(x, 1); })},
      {"kernel_layer_norm", kernel([](const Tensor& x) { return torch::layer_norm(x, {1024}); })},
      {"kernel_batch_norm", batch_norm}};
  const auto found = makers.find(name);
  return found == makers.end() ? bench::Maker{} : found->second;
}

}  // namespace

int main() {
  const char* threads = std::getenv("BENCH_THREADS");
  torch::set_num_threads(threads ? std::atoi(threads) : 1);
  torch::manual_seed(0);
  std::cout << "ready libtorch " << TORCH_VERSION << std::endl;
  bench::serve(find);
}
