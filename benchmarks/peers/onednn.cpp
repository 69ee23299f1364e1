// Kernels in oneDNN: matrix products (the matmul primitive or dnnl_sgemm, whichever is faster) and
// those over (256,1024) floats.
#include <dnnl.hpp>

#include <memory>
#include <unordered_map>

#include "../measure.hpp"

namespace {

using bench::Measured;
using bench::Step;
using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

dnnl::engine& cpu() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc matrix(std::int64_t rows, std::int64_t columns) {
  return {{rows, columns}, memory::data_type::f32, memory::format_tag::ab};
}

memory filled(const memory::desc& desc, std::uint32_t seed, float low = -1, float high = 1) {
  memory result(desc, cpu());
  const auto count = static_cast<std::int64_t>(desc.get_size() / sizeof(float));
  const auto values = bench::floats(count, seed, low, high);
  std::copy(values.begin(), values.end(), static_cast<float*>(result.get_data_handle()));
  return result;
}

Step execute(const dnnl::primitive& primitive, const Arguments& arguments) {
  return [primitive, arguments, stream = std::make_shared<dnnl::stream>(cpu())] {
    primitive.execute(*stream, arguments);
    stream->wait();
  };
}

Step matmul(std::int64_t n) {
  const memory::desc desc = matrix(n, n);
  const dnnl::matmul::primitive_desc plan({desc, desc, desc}, cpu());
  return execute(dnnl::matmul(plan),
                 {{DNNL_ARG_SRC, filled(desc, 1)},
                  {DNNL_ARG_WEIGHTS, filled(desc, 2)},
                  {DNNL_ARG_DST, filled(desc, 3)}});
}

Step sgemm(std::int64_t n) {
  const auto c = std::make_shared<std::vector<float>>(n * n);
  return [n, c, a = bench::floats(n * n, 1), b = bench::floats(n * n, 2)] {
    dnnl_sgemm('N', 'N', n, n, n, 1, a.data(), n, b.data(), n, 0, c->data(), n);
  };
}

Step faster(const Step& a, const Step& b) {
  return bench::quiet_median(a, 0.05) < bench::quiet_median(b, 0.05) ? a : b;
}

const memory::desc kTable = matrix(256, 1024);

bench::Maker eltwise(dnnl::algorithm algorithm, float low = -1, float high = 1) {
  return [=] {
    const dnnl::eltwise_forward::primitive_desc plan(
        {dnnl::prop_kind::forward_inference, algorithm, kTable}, cpu());
    return Measured{
        execute(dnnl::eltwise_forward(plan),
                {{DNNL_ARG_SRC, filled(kTable, 1, low, high)}, {DNNL_ARG_DST, filled(kTable, 2)}})};
  };
}

Measured add() {
  const dnnl::binary::primitive_desc plan({dnnl::algorithm::binary_add, kTable, kTable, kTable},
                                          cpu());
  return {execute(dnnl::binary(plan),
                  {{DNNL_ARG_SRC_0, filled(kTable, 1)},
                   {DNNL_ARG_SRC_1, filled(kTable, 2)},
                   {DNNL_ARG_DST, filled(kTable, 3)}})};
}

Measured softmax() {
  const dnnl::softmax_forward::primitive_desc plan({dnnl::prop_kind::forward_inference, kTable, 1},
                                                   cpu());
  return {execute(dnnl::softmax_forward(plan),
                  {{DNNL_ARG_SRC, filled(kTable, 1)}, {DNNL_ARG_DST, filled(kTable, 2)}})};
}

Measured layer_norm() {
  const auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  const dnnl::layer_normalization_forward::primitive_desc plan(
      {dnnl::prop_kind::forward_inference, kTable, 1e-3f, flags}, cpu());
  const memory::desc row({1024}, memory::data_type::f32, memory::format_tag::a);
  return {execute(dnnl::layer_normalization_forward(plan),
                  {{DNNL_ARG_SRC, filled(kTable, 1)},
                   {DNNL_ARG_SCALE, filled(row, 2)},
                   {DNNL_ARG_SHIFT, filled(row, 3)},
                   {DNNL_ARG_DST, filled(kTable, 2)}})};
}

// Of training, forward and backward. The table is one of images of one pixel, for which there are
// kernels that are compiled at run time.
Measured batch_norm() {
  using dnnl::prop_kind;
  const memory::desc images({256, 1024, 1, 1}, memory::data_type::f32, memory::format_tag::nhwc);
  const auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  const dnnl::batch_normalization_forward::primitive_desc plan(
      {prop_kind::forward_training, images, 1e-3f, flags}, cpu());
  const dnnl::batch_normalization_backward::primitive_desc plan_back(
      {prop_kind::backward, images, images, 1e-3f, flags}, cpu(), plan);
  const auto row = [](std::uint32_t seed) {
    return filled(memory::desc({1024}, memory::data_type::f32, memory::format_tag::a), seed);
  };
  Arguments arguments = {{DNNL_ARG_SRC, filled(images, 1)},
                         {DNNL_ARG_SCALE, row(2)},
                         {DNNL_ARG_SHIFT, row(3)},
                         {DNNL_ARG_MEAN, row(4)},
                         {DNNL_ARG_VARIANCE, row(5)},
                         {DNNL_ARG_DST, filled(images, 2)}};
  const Step forward = execute(dnnl::batch_normalization_forward(plan), arguments);
  arguments.erase(DNNL_ARG_DST);
  arguments.insert({{DNNL_ARG_DIFF_DST, filled(images, 3)},
                    {DNNL_ARG_DIFF_SRC, filled(images, 4)},
                    {DNNL_ARG_DIFF_SCALE, row(6)},
                    {DNNL_ARG_DIFF_SHIFT, row(7)}});
  const Step backward = execute(dnnl::batch_normalization_backward(plan_back), arguments);
  return {[=] {
    forward();
    backward();
  }};
}

bench::Maker find(const std::string& name) {
  if (name.rfind("gemm_", 0) == 0)
    return [n = std::stoll(name.substr(5))] { return Measured{faster(matmul(n), sgemm(n))}; };
  const std::map<std::string, bench::Maker> makers = {
      {"kernel_add", add},
      {"kernel_exp", eltwise(dnnl::algorithm::eltwise_exp)},
      {"kernel_log", eltwise(dnnl::algorithm::eltwise_log, 0.01F, 10)},
      {"kernel_tanh", eltwise(dnnl::algorithm::eltwise_tanh)},
      {"kernel_sigmoid", eltwise(dnnl::algorithm::eltwise_logistic)},
      {"kernel_softmax", softmax},
      {"kernel_layer_norm", layer_norm},
      {"kernel_batch_norm", batch_norm}};
  const auto found = makers.find(name);
  return found == makers.end() ? bench::Maker{} : found->second;
}

}  // namespace

int main() {
  const dnnl::version_t* version = dnnl_version();
  std::cout << "ready oneDNN " << version->major << '.' << version->minor << '.' << version->patch
            << std::endl;
  bench::serve(find);
}
