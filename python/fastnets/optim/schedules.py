"""Learning-rate schedules: plain functions of the step, which counts from 0.

They multiply: ``optimizer.lr = 1e-3 * warmup(step, 100) * cosine(step, 10_000)``.
"""

from __future__ import annotations

import math

__all__ = ["cosine", "noam", "warmup"]


def warmup(step: int, steps: int) -> float:
    """Rise linearly: ``min(1, (step + 1) / steps)``.

    Parameters
    ----------
    step : int
        From 0.
    steps : int
        How many steps the rise takes; 0 for none.

    Returns
    -------
    float
        A factor in (0, 1].

    Examples
    --------
    >>> import fastnets as fn
    >>> [fn.optim.warmup(step, 4) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    _check("warmup", step=step, steps=steps)
    return min(1.0, (step + 1) / steps) if steps else 1.0


def cosine(step: int, steps: int, floor: float = 0.0) -> float:
    """Fall along half a cosine from 1 to `floor`: ``floor + (1 - floor) · ½ (1 + cos(π · step / steps))``.

    Parameters
    ----------
    step : int
        From 0; at `steps` and later the value is `floor`.
    steps : int
        How many steps the fall takes.
    floor : float
        Where it ends, in [0, 1].

    Returns
    -------
    float
        A factor in [floor, 1].

    References
    ----------
    Loshchilov, Hutter: SGDR, stochastic gradient descent with warm restarts, 2016, https://arxiv.org/abs/1608.03983

    Examples
    --------
    >>> import fastnets as fn
    >>> [round(fn.optim.cosine(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _check("cosine", step=step, steps=steps)
    if not 0 <= floor <= 1:
        raise ValueError(f"cosine: floor is {floor!r} but a number in [0, 1] is expected")
    progress = min(1.0, step / steps) if steps else 1.0
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def noam(step: int, width: int, warmup_steps: int) -> float:
    """The Transformer's schedule: ``width^-½ · min(t^-½, t · warmup_steps^-3/2)`` with t = step + 1.

    Parameters
    ----------
    step : int
        From 0.
    width : int
        The model's width, d_model.
    warmup_steps : int
        How many steps it rises for, at least 1.

    Returns
    -------
    float
        The learning rate itself, to be scaled as one likes.

    References
    ----------
    Vaswani and others: Attention Is All You Need, 2017, section 5.3, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import fastnets as fn
    >>> max(range(100), key=lambda step: fn.optim.noam(step, 512, 40))
    39
    """
    _check("noam", step=step)
    if width < 1 or warmup_steps < 1:
        raise ValueError(f"noam: width={width!r} and warmup_steps={warmup_steps!r} are expected to be at least 1")
    t = step + 1
    return float(width**-0.5 * min(t**-0.5, t * warmup_steps**-1.5))


def _check(schedule: str, **counts: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{schedule}: {name} is {count!r} but at least 0 is expected")
