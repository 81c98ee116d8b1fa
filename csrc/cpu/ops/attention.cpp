#include "core/ops/attention.h"
#include "core/entries.h"
#include "cpu/attention_few_queries.h"
#include "cpu/attention_forward.h"
#include "cpu/attention_mask_gradient.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const Attention& op, Pass pass, Workspace& workspace) {
  visit_float(op.query.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward && AttentionFewQueries<T>::serves(op)) {
      const AttentionFewQueries<T> forward(op, workspace);
      if (workspace.base) forward.run();
    } else if (pass == Pass::forward) {
      const AttentionForward<T> forward(op, workspace);
      if (workspace.base) forward.run();
    } else {
      const AttentionBackward<T> backward(op, workspace);
      if (!workspace.base) return;
      backward.run();
      if (op.grad_attn_mask) AttentionMaskGradient<T>(backward).run();
    }
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
