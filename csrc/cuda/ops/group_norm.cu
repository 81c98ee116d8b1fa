#include "core/ops/group_norm.h"

#include "core/entries.h"
#include "cuda/images.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct Groups {
  Images images;
  int64_t groups, channels;  // channels of a group
  LineShape shape() const { return {images.N * groups, channels * images.pixels, 1}; }
};

// The elements of group g of sample n, line (n, g), in the order of memory.
struct Group {
  int64_t channels, pixels, first_channel, first, row;  // first: the place of the first element; row: of a pixel's
  bool channels_last;
  __device__ __forceinline__ Group(const Groups& g, int64_t line)
      : channels(g.channels),
        pixels(g.images.pixels),
        first_channel(line % g.groups * g.channels),
        first(g.images.place(line / g.groups, first_channel, 0)),
        row(g.images.C),
        channels_last(g.images.channels_last) {}
  struct Element {
    int64_t place, channel;
  };
  __device__ __forceinline__ Element at(int64_t i) const {
    const int64_t size = channels_last ? channels : pixels, major = i / size, minor = i - major * size;
    if (channels_last) return {first + major * row + minor, first_channel + minor};
    return {first + i, first_channel + major};
  }
};

template <class T>
struct NormalizeGroup {
  Groups groups;
  const T* x;
  const float *weight, *bias;
  float eps;
  T* y;
  float *mean, *rstd;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const float count = float(shape.C);
    const Group group(groups, line);
    ChainedSum sum;
    each_run<Team, 1>(shape.C, [&](int64_t i, int) { sum.add(widen(x[group.at(i).place])); });
    float m = Team::sum(sum.result()) / count;
    ChainedSum rest, squares;  // rest: what the rounding of the mean has left
    each_run<Team, 1>(shape.C, [&](int64_t i, int) {
      const float v = widen(x[group.at(i).place]) - m;
      rest.add(v);
      squares.add(v * v);
    });
    const float shift = Team::sum(rest.result()) / count;
    float variance = Team::sum(squares.result()) / count - shift * shift;
    if (variance < 0) variance = 0;  // a nan stays
    m = shape.C ? m + shift : 0.0f;
    const float r = shape.C ? 1 / sqrtf(variance + eps) : 0.0f;
    if (Team::rank() == 0 && mean) mean[line] = m;
    if (Team::rank() == 0 && rstd) rstd[line] = r;
    each_run<Team, 1>(shape.C, [&](int64_t i, int) {
      const Group::Element e = group.at(i);
      const float factor = weight ? r * weight[e.channel] : r;
      y[e.place] = round_to<T>(fmaf(widen(x[e.place]) - m, factor, bias ? bias[e.channel] : 0.0f));
    });
  }
};

// dx = rstd · (g − mean of g − x̂ · mean of g · x̂) with g = dy · weight
template <class T>
struct GroupGradient {
  Groups groups;
  const T *x, *dy;
  const float *weight, *mean, *rstd;
  T* dx;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const float m = mean[line], r = rstd[line], count = float(shape.C);
    const Group group(groups, line);
    const auto weighted = [&](const Group::Element& e) {
      return widen(dy[e.place]) * (weight ? weight[e.channel] : 1.0f);
    };
    ChainedSum sum, products;
    each_run<Team, 1>(shape.C, [&](int64_t i, int) {
      const Group::Element e = group.at(i);
      const float g = weighted(e);
      sum.add(g);
      products.add(g * ((widen(x[e.place]) - m) * r));
    });
    const float level = Team::sum(sum.result()) / count, product = Team::sum(products.result()) / count;
    each_run<Team, 1>(shape.C, [&](int64_t i, int) {
      const Group::Element e = group.at(i);
      const float normalized = (widen(x[e.place]) - m) * r;
      dx[e.place] = round_to<T>(r * (weighted(e) - level - normalized * product));
    });
  }
};

// What an element adds to the gradient of bias, dy, and of weight, dy · x̂.
template <class T, bool kNormalized>
struct GroupGradientTerm {
  const T *x, *dy;
  const float *mean, *rstd;
  int64_t groups, channels;
  __device__ __forceinline__ float operator()(int64_t place, int64_t n, int64_t c) const {
    const float g = widen(dy[place]);
    const int64_t line = n * groups + c / channels;
    return kNormalized ? g * ((widen(x[place]) - mean[line]) * rstd[line]) : g;
  }
};

Groups groups_of(const GroupNorm& op) { return {Images(op.input), op.num_groups, op.input.shape[1] / op.num_groups}; }

template <class T>
void run_forward(const GroupNorm& op, Workspace& workspace, Stream stream) {
  const Groups groups = groups_of(op);
  const T* x = in_format<T>(op.name, op.input, groups.images.channels_last, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float* bias = numbers_of(op.name, op.bias, workspace, stream);
  if (workspace.counts_only) return;
  const NormalizeGroup<T> f{
      groups, x, weight, bias, float(op.eps), op.output.as<T>(), op.mean.as<float>(), op.rstd.as<float>()};
  for_rows<1>(op.name, groups.shape(), f, stream);
}

template <class T>
void run_backward(const GroupNorm& op, Workspace& workspace, Stream stream) {
  const Groups groups = groups_of(op);
  const T* x = in_format<T>(op.name, op.input, groups.images.channels_last, workspace, stream);
  const T* dy = in_format<T>(op.name, op.grad_output, groups.images.channels_last, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float *mean = op.mean.as<float>(), *rstd = op.rstd.as<float>();
  if (op.grad_input && !workspace.counts_only)
    for_rows<1>(op.name, groups.shape(), GroupGradient<T>{groups, x, dy, weight, mean, rstd, op.grad_input.as<T>()},
                stream);
  const auto sum = [&](const Tensor& gradient, const auto& term) {
    if (gradient)
      visit_device_float(op.name, gradient.dtype, [&]<class To>(Type<To>) {
        sum_channels(op.name, groups.images, term, gradient.as<To>(), workspace, stream);
      });
  };
  sum(op.grad_weight, GroupGradientTerm<T, true>{x, dy, mean, rstd, groups.groups, groups.channels});
  sum(op.grad_bias, GroupGradientTerm<T, false>{x, dy, mean, rstd, groups.groups, groups.channels});
}

}  // namespace

void run(const GroupNorm& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
