// output[i] = sum_j p[i, j] · value[j],  p[i, j] = exp(s[i, j] − lse[i]),  lse[i] = log(sum_j exp(s[i, j]) + exp(sink))
// s[i, j] = cap(scale · query[i] · key[j]) − slope · |position(i) − j| + mask[i, j], −inf where the key is hidden
// cap(s) = softcap · tanh(s / softcap); a query that sees no key has output 0 and lse −inf (the sink's, with a sink)
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// Where query i stands among the keys: at i, or at i + Sk − Sq.
enum class CausalAlignment : std::int8_t { upper_left, lower_right };
constexpr const char* kCausalAlignmentNames[] = {"upper_left", "lower_right"};
template <>
struct Names<CausalAlignment> {
  static constexpr auto& list = kCausalAlignmentNames;
  static constexpr int count = 2;
};

struct Attention {
  static constexpr const char* name = "attention";
  static constexpr bool kHasProducts = true;
  Tensor query, key, value;           // (…, H, Sq, D), (…, Hk, Sk, D), (…, Hk, Sk, Dv); packed: (total, H, D) and so on
  Tensor attn_mask;                   // none, or bool or float that broadcasts to (…, H, Sq, Sk)
  Tensor alibi_slopes, sinks;         // none, or (H,)
  Tensor key_lengths;                 // none, or (B,): the keys that each sequence has, B the product of …
  Tensor cu_seqlens_q, cu_seqlens_k;  // none, or (N + 1,): where the packed sequences begin, and the total
  double dropout_p = 0;
  bool is_causal = false;
  double scale = 1;
  bool enable_gqa = false;
  CausalAlignment causal_alignment = CausalAlignment::upper_left;
  std::int64_t window_left = -1, window_right = -1;  // keys before and behind the position, −1 for all
  double softcap = 0;
  std::uint64_t seed = 0;
  bool return_lse = false;
  bool save = false;

  Tensor output;    // as query, with Dv in D's place
  Tensor lse;       // (…, H, Sq), packed (H, total): float32, of float64 float64; where asked for
  Tensor kept_lse;  // the same for backward, where not
  Tensor grad_output, grad_lse, grad_query, grad_key, grad_value, grad_attn_mask, grad_sinks;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("query", query, grad_query);
    v.input("key", key, grad_key);
    v.input("value", value, grad_value);
    v.optional("attn_mask", attn_mask, grad_attn_mask);
    v.optional("alibi_slopes", alibi_slopes);
    v.optional("sinks", sinks, grad_sinks);
    v.optional("key_lengths", key_lengths);
    v.optional("cu_seqlens_q", cu_seqlens_q);
    v.optional("cu_seqlens_k", cu_seqlens_k);
    v.parameter("dropout_p", dropout_p);
    v.parameter("is_causal", is_causal);
    v.parameter("scale", scale);
    v.parameter("enable_gqa", enable_gqa);
    v.parameter("causal_alignment", causal_alignment);
    v.parameter("window_left", window_left);
    v.parameter("window_right", window_right);
    v.parameter("softcap", softcap);
    v.parameter("seed", seed);
    v.parameter("return_lse", return_lse);
    v.output("output", output, grad_output);
    v.output("lse", lse, grad_lse);
    v.saved("kept_lse", kept_lse);
  }

  FASTNETS_INLINE bool keeps_format() const { return false; }

  FASTNETS_INLINE bool is_packed() const { return cu_seqlens_q.defined; }
  // Which dimension counts heads and which positions; −1 where there are no heads.
  FASTNETS_INLINE int head_dim() const { return is_packed() ? 1 : query.ndim - 3; }
  FASTNETS_INLINE int length_dim() const { return is_packed() ? 0 : query.ndim - 2; }
  FASTNETS_INLINE std::int64_t heads(const Tensor& t) const { return head_dim() < 0 ? 1 : t.shape[head_dim()]; }
  FASTNETS_INLINE std::int64_t length(const Tensor& t) const { return t.shape[length_dim()]; }
  // How many sequences there are.
  FASTNETS_INLINE std::int64_t batch() const {
    if (is_packed()) return cu_seqlens_q.shape[0] - 1;
    std::int64_t n = 1;
    for (int d = 0; d < head_dim(); ++d) n *= query.shape[d];
    return n;
  }

  void infer() {
    check_arrays();
    check_options();
    check_lengths();
    std::int64_t sizes[kMaxDims] = {};
    for (int d = 0; d < query.ndim; ++d) sizes[d] = query.shape[d];
    sizes[query.ndim - 1] = value.shape[value.ndim - 1];
    output.describe(query.dtype, query.device, query.ndim, sizes);
    if (!return_lse && !save) return;
    if (is_packed()) sizes[0] = query.shape[1], sizes[1] = query.shape[0];
    (return_lse ? lse : kept_lse).describe(wide(), query.device, query.ndim - 1, sizes);
  }

 private:
  FASTNETS_INLINE DType wide() const { return query.dtype == DType::float64 ? DType::float64 : DType::float32; }
  bool is_beside(const Tensor& t) const { return t.dtype == query.dtype || t.dtype == wide(); }

  void check_arrays() const {
    check_float(name, "query", query);
    for (const auto& [what, t] : {std::pair{"key", &key}, std::pair{"value", &value}}) {
      check<TypeError>(t->dtype == query.dtype, "attention: query is ", fastnets::name(query.dtype), " but ", what,
                       " is ", fastnets::name(t->dtype), "; use query.astype(\"", fastnets::name(t->dtype), "\")");
      check(t->ndim == query.ndim, "attention: ", what, " is ", shape(*t), " but query ", shape(query), " expects ",
            int{query.ndim}, " dimensions");
    }
    if (is_packed() || cu_seqlens_k) {
      check<TypeError>(cu_seqlens_q && cu_seqlens_k, "attention: cu_seqlens_q and cu_seqlens_k must be given together");
      check(query.ndim == 3, "attention: query must be (total, heads, head dimension), got ", shape(query));
      check<TypeError>(!attn_mask && !key_lengths, "attention: packed sequences take no attn_mask and no key_lengths");
    }
    check(query.ndim >= 2, "attention: query must be (…, length, head dimension), got ", shape(query));
    const int last = query.ndim - 1;
    check(key.shape[last] == query.shape[last], "attention: key is ", shape(key), " but query ", shape(query),
          " expects a head dimension of ", query.shape[last]);
    check(length(value) == length(key), "attention: value is ", shape(value), " but key ", shape(key), " expects ",
          length(key), " positions");
    for (int d = 0; d < head_dim() && !is_packed(); ++d)
      for (const auto& [what, t] : {std::pair{"key", &key}, std::pair{"value", &value}})
        check(t->shape[d] == query.shape[d], "attention: ", what, " is ", shape(*t), " but query ", shape(query),
              " expects ", query.shape[d], " in dimension ", d);
    const std::int64_t H = heads(query), Hk = heads(key);
    check(heads(value) == Hk, "attention: value is ", shape(value), " but key ", shape(key), " expects ", Hk, " heads");
    check(H == Hk || (Hk && H % Hk == 0), "attention: query has ", H, " heads, which is no multiple of the ", Hk,
          " heads of key");
    check(H == Hk || enable_gqa, "attention: query has ", H, " heads but key has ", Hk,
          "; enable_gqa=True lets several share one");
    for (const auto& [what, t] : {std::pair{"alibi_slopes", &alibi_slopes}, std::pair{"sinks", &sinks}}) {
      if (!*t) continue;
      check<TypeError>(is_beside(*t), "attention: ", what, " is ", fastnets::name(t->dtype), " but query is ",
                       fastnets::name(query.dtype));
      check(t->ndim == 1 && t->shape[0] == H, "attention: ", what, " is ", shape(*t), " but ", H,
            " heads of query expect (", H, ",)");
    }
    if (attn_mask) check_mask();
  }

  void check_mask() const {
    check<TypeError>(attn_mask.dtype == DType::boolean || is_beside(attn_mask), "attention: attn_mask is ",
                     fastnets::name(attn_mask.dtype), " but must be bool or ", fastnets::name(query.dtype));
    std::int64_t wanted[kMaxDims] = {};
    for (int d = 0; d < query.ndim; ++d) wanted[d] = query.shape[d];
    wanted[query.ndim - 1] = length(key);
    bool fits = attn_mask.ndim <= query.ndim;
    for (int d = 0; fits && d < attn_mask.ndim; ++d) {
      const std::int64_t n = attn_mask.shape[attn_mask.ndim - 1 - d];
      fits = n == 1 || n == wanted[query.ndim - 1 - d];
    }
    check(fits, "attention: attn_mask is ", shape(attn_mask), ", which does not broadcast to ",
          shape(wanted, query.ndim));
  }

  void check_options() const {
    check(dropout_p >= 0 && dropout_p <= 1, "attention: dropout_p is ", dropout_p, " but must be between 0 and 1");
    check(!std::isnan(scale), "attention: scale is nan but must be a number");
    check(window_left >= -1 && window_right >= -1, "attention: window_size is (", window_left, ", ", window_right,
          ") but must hold numbers of keys, -1 for all");
    check(softcap >= 0 && std::isfinite(softcap), "attention: softcap is ", softcap,
          " but must be a positive number, 0 or None for none");
  }

  // Lengths in host memory are checked before anything runs.
  void check_lengths() const {
    if (key_lengths) {
      check_is_index("key_lengths", key_lengths);
      check(key_lengths.ndim == 1 && key_lengths.shape[0] == batch(), "attention: key_lengths is ", shape(key_lengths),
            " but query ", shape(query), " expects (", batch(), ",)");
      each_value(key_lengths, [&](std::int64_t i, std::int64_t n) {
        check(n >= 0 && n <= length(key), "attention: key_lengths is ", n, " at element ", i, " but key has ",
              length(key), " positions");
      });
    }
    if (!is_packed()) return;
    for (const auto& [what, t] : {std::pair{"cu_seqlens_q", &cu_seqlens_q}, std::pair{"cu_seqlens_k", &cu_seqlens_k}}) {
      check_is_index(what, *t);
      check(t->ndim == 1 && t->shape[0] >= 1, "attention: ", what, " is ", shape(*t), " but must be (sequences + 1,)");
      const std::int64_t total = length(t == &cu_seqlens_q ? query : key), last = t->shape[0] - 1;
      std::int64_t before = 0;
      each_value(*t, [&, what = what](std::int64_t i, std::int64_t n) {
        check(i || n == 0, "attention: ", what, " begins with ", n, " but must begin with 0");
        check(n >= before, "attention: ", what, " falls from ", before, " to ", n, " at element ", i);
        check(i < last || n == total, "attention: ", what, " ends with ", n, " but there are ", total, " positions");
        before = n;
      });
    }
    check(cu_seqlens_q.shape[0] == cu_seqlens_k.shape[0], "attention: cu_seqlens_q is ", shape(cu_seqlens_q),
          " but cu_seqlens_k is ", shape(cu_seqlens_k), "; both must have one entry a sequence and one more");
  }
  static void check_is_index(const char* what, const Tensor& t) {
    check<TypeError>(is_index(t.dtype), "attention: ", what, " is ", fastnets::name(t.dtype),
                     " but must be int64 or int32");
  }
  template <class F>
  static void each_value(const Tensor& t, const F& f) {
    if (t.device.type != Device::Type::cpu || !t.data) return;
    visit_index(t.dtype, [&]<class T>(Type<T>) {
      for (std::int64_t i = 0; i < t.shape[0]; ++i) f(i, std::int64_t{t.as<T>()[i * t.stride[0]]});
    });
  }
};

}  // namespace fastnets
