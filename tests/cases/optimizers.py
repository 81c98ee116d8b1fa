"""Cases of adamw: parameter, gradient, exp_avg, exp_avg_sq, master; step, lr, beta1, beta2, eps, weight_decay."""

from .case import FLOATS, Array, Case, PositiveState, State


def _case(shape, *, master=False, step=10, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01,
          layout="contiguous"):  # fmt: skip
    state = State(shape, layout), PositiveState(shape, layout), State(shape, layout) if master else None
    inputs = Array(shape, layout), Array(shape, layout), *state
    return Case("adamw", inputs, (step, lr, beta1, beta2, eps, weight_decay),
                dtypes=("bfloat16", "float16") if master else FLOATS)  # fmt: skip


CASES = [
    _case((1,)),
    _case((3, 7)),
    _case((4099,)),
    _case((17, 33), master=True),
    _case((33,), step=1, lr=0.1),
    _case((33,), step=100_000, weight_decay=0.0),
    _case((33,), beta1=0.0, beta2=0.0, eps=1.0),
    _case((0, 3)),
    _case((17, 9), layout="transposed"),
    _case((17, 9), master=True, layout="strided"),
]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("adamw", (Array((513, 259)), Array((513, 259)), State((513, 259)), PositiveState((513, 259)), None),
             (3, 1e-3, 0.9, 0.999, 1e-8, 0.01)),
]
# fmt: on
