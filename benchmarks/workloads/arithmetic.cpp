// The multiplications that the products of models need, for their share of the machine's peak.
#include <map>

#include "../workloads.hpp"

namespace bench {
namespace {

// Multiplications of a prediction: of layers that read the model's input, and of the others.
struct Products {
  double first, others;
  double predict() const { return first + others; }
  // Forward, by the weights and by the input, of which first layers have no need.
  double train() const { return 2 * first + 3 * others; }
};

// Attention's products of two activations count like those with weights: forward, and once for the
// gradient of each factor.
constexpr Products kMlp{784 * 512, 512 * 512 + 512 * 10};
constexpr Products kCnn{26 * 26 * 32 * 9, 11 * 11 * 64 * 32 * 9 + 1600 * 10};
constexpr Products kResidual{32 * 32 * 16 * 16 * 9, 32 * 32 * 16 * 16 * 9};
constexpr Products kSeparable{32 * 32 * 32 * 9, 32 * 32 * 32 * 64};
constexpr Products kLstm{50 * 32 * 256, 50 * 64 * 256 + 64};
constexpr Products kGru{50 * 32 * 192, 50 * 64 * 192 + 64};
constexpr Products kTransformer{64 * 64 * 192, 64 * 64 * 64 + 2 * 64 * 64 * 256 + 2 * 64 * 64 * 64};
constexpr Products kConv1dStack{1000 * 32 * 3, 1000 * (5 * 32 * 32 * 3 + 32)};

}  // namespace

void add_arithmetic(std::vector<Workload>& list) {
  const std::map<std::string, double> products = {{"mnist_mlp_big", 128 * kMlp.train()},
                                                  {"cnn", 32 * kCnn.train()},
                                                  {"residual", 32 * kResidual.train()},
                                                  {"separable", 32 * kSeparable.train()},
                                                  {"lstm", 32 * kLstm.train()},
                                                  {"gru", 32 * kGru.train()},
                                                  {"transformer", 32 * kTransformer.train()},
                                                  {"conv1d_stack", 8 * kConv1dStack.train()},
                                                  {"predict_cnn", kCnn.predict()},
                                                  {"predict_lstm", kLstm.predict()},
                                                  {"predict_gru", kGru.predict()},
                                                  {"predict_transformer", kTransformer.predict()}};
  for (Workload& workload : list) {
    const auto found = products.find(workload.name);
    if (found != products.end()) workload.flops = 2 * found->second;
  }
}

}  // namespace bench
