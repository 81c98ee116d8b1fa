#include "core/ops/attention.h"

#include "core/entries.h"
#include "cuda/attention_backward.cuh"
#include "cuda/attention_forward.cuh"
#include "cuda/attention_mask_gradient.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class Tiles, bool kPlain>
void start_backward(const AttentionProblem<typename Tiles::T>& p) {
  using T = typename Tiles::T;
  const Attention& op = p.op;
  const AttentionShape& shape = p.shape;
  BackwardCall<T> call{shape,           ScoreRules<T>(p, kPlain), p.heads(op.query),
                       p.heads(op.key), p.heads(op.value),        p.heads(op.grad_output)};
  const DeltaCall<T> delta{shape, p.heads(op.output), call.grad_output,
                           op.grad_lse ? contiguous<float>(op.name, op.grad_lse, p.workspace, p.stream) : nullptr,
                           p.workspace.template take<float>(shape.rows())};
  call.lse = (op.lse ? op.lse : op.kept_lse).template as<float>(), call.delta = delta.delta;
  call.precision = float32_precision;
  if (op.grad_query) call.grad_query = p.heads(op.grad_query);
  if (op.grad_key) call.grad_key = p.heads(op.grad_key);
  if (op.grad_value) call.grad_value = p.heads(op.grad_value);
  const LaunchConfig rows{
      .name = op.name, .grid = unsigned(divide_up(shape.rows(), 8)), .block = 256, .stream = p.stream};
  if (shape.rows() && p.runs()) launch(attention_delta_kernel<T>, rows, delta);
  const auto start = [&](auto kernel, int64_t blocks, int width) {
    const LaunchConfig config{
        .name = op.name,
        .grid = dim3(unsigned(blocks), unsigned(std::max(int64_t{1}, divide_up(width, Tiles::kWidth)))),
        .block = Tiles::kThreads,
        .shared_bytes = BackwardRoom<Tiles>::kBytes,
        .stream = p.stream};
    if (blocks && p.runs()) launch(kernel, config, call);
  };
  if (op.grad_key || op.grad_value)
    start(attention_key_gradients_kernel<Tiles, kPlain>, shape.blocks(shape.Sk, Tiles::kM) * shape.Hk,
          std::max(shape.D, shape.Dv));
  if (op.grad_query)
    start(attention_query_gradient_kernel<Tiles, kPlain>, shape.blocks(shape.Sq, Tiles::kM) * shape.H, shape.D);
  if constexpr (!kPlain)
    if (op.grad_attn_mask) run_mask_gradient<Tiles>(p, call);
  const SinkTerm term{shape, call.rules.sinks, call.lse, call.delta};
  const auto sum_sinks = [&]<class To>(Type<To>) {
    sum_rows(op.name, term, shape.H ? shape.rows() / shape.H : 0, shape.H, op.grad_sinks.template as<To>(), p.workspace,
             p.stream);
  };
  if (op.grad_sinks) op.grad_sinks.dtype == DType::float32 ? sum_sinks(Type<float>()) : sum_sinks(Type<T>());
  if (!p.runs()) return;
  for (const Tensor* gradient : {&op.grad_query, &op.grad_key, &op.grad_value}) p.spoil_if_senseless(*gradient);
}

template <class T>
void run_backward(const Attention& op, Workspace& workspace, Stream stream) {
  const AttentionProblem<T> p(op, workspace, stream);
  if constexpr (std::is_same_v<T, float>) {
    if (float32_precision == Float32Precision::ieee)
      start_backward<SimtTiles<32, 64>, false>(p);
    else
      start_backward<Tfloat32Tiles<32, 64>, false>(p);
  } else if (!is_plain(op))
    start_backward<TensorCoreTiles<T, 32, 128>, false>(p);
  else if (p.is_narrow())
    start_backward<TensorCoreTiles<T, 64, 64>, true>(p);
  else
    start_backward<TensorCoreTiles<T, 32, 128>, true>(p);
}

}  // namespace

void run(const Attention& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.query.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
