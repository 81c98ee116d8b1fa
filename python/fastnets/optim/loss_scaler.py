"""Loss scaling, which keeps small float16 gradients from vanishing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends import ops
from .gradients import Array, Gradients, each_gradient, mapped
from .optimizer import Optimizer

__all__ = ["LossScaler"]


class LossScaler:
    """Scale the loss's gradient up before backward and the parameters' gradients down after it, torch's GradScaler.

    A step whose gradients overflowed is skipped and the scale made smaller; after a number of steps without it grows.

    Parameters
    ----------
    init_scale : float
        The scale at first.
    growth_factor : float
        What it is multiplied by after `growth_interval` updates in a row without an overflow; above 1.
    backoff_factor : float
        What it is multiplied by after an overflow; between 0 and 1.
    growth_interval : int
        At least 1.
    enabled : bool
        Whether anything is done: without, gradients pass through and every step is taken.

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Micikevicius and others: Mixed Precision Training, 2017, https://arxiv.org/abs/1710.03740

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Linear(3, 2, dtype="float16")
    >>> optimizer, scaler = fn.optim.SGD(layer, lr=1e-2), fn.optim.LossScaler()
    >>> logits, backward = layer.vjp(np.ones((8, 3), np.float16))
    >>> loss, dlogits = fn.value_and_grad(fn.functional.cross_entropy, logits, np.zeros(8, np.int64))
    >>> dx, grads = backward(scaler.scale(dlogits))
    >>> scaler.step(optimizer, grads)
    True
    >>> scaler.update()
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self.enabled = bool(enabled)
        self._set(init_scale, growth_factor, backoff_factor, growth_interval, 0)
        self._found: Array | None = None  # whether an element was not finite, a number in the gradients' library
        self._is_unscaled = False

    def _set(self, scale: Any, growth: Any, backoff: Any, interval: Any, tracker: Any) -> None:
        numbers = {"scale": float(scale), "growth_factor": float(growth), "backoff_factor": float(backoff)}
        for name, number in numbers.items():
            low, high = {"scale": (0.0, math.inf), "growth_factor": (1.0, math.inf), "backoff_factor": (0.0, 1.0)}[name]
            if not low < number < high:
                raise ValueError(f"LossScaler: {name} is {number!r} but a number between {low} and {high} is expected")
        for name, count, least in (("growth_interval", interval, 1), ("_growth_tracker", tracker, 0)):
            if int(count) < least:
                raise ValueError(f"LossScaler: {name} is {count!r} but at least {least} is expected")
        self._scale, self._growth_factor, self._backoff_factor = numbers.values()
        self._growth_interval, self._growth_tracker = int(interval), int(tracker)

    def get_scale(self) -> float:
        """The scale; 1 where scaling is not enabled."""
        return self._scale if self.enabled else 1.0

    def is_enabled(self) -> bool:
        return self.enabled

    def scale(self, outputs: Any) -> Any:
        """The gradient of the loss, or the loss itself, times the scale: an array, or a tuple or list of them."""
        if not self.enabled:
            return outputs
        if isinstance(outputs, (tuple, list)):
            return type(outputs)(map(self.scale, outputs))
        return ops.scale(outputs, None, self._scale, False)

    def unscale(self, grads: Gradients) -> Gradients:
        """The gradients over the scale, in float32 (float64 for float64), to be clipped or looked at before `step`.

        Raises
        ------
        RuntimeError
            When called again before `update`.
        """
        if not self.enabled:
            return grads
        if self._is_unscaled:
            raise RuntimeError("LossScaler: unscale has already been called since the last update")
        self._is_unscaled = True
        return self._unscaled(grads)

    def _unscaled(self, grads: Gradients) -> Gradients:
        each_gradient("LossScaler", grads)

        def unscaled(gradient: Array) -> Array:
            output, self._found = ops.scale(gradient, self._found, 1 / self._scale, True)
            return output

        return mapped(grads, unscaled)

    def step(self, optimizer: Optimizer, grads: Any) -> bool:
        """Unscale the gradients, unless `unscale` did, and step, unless an element of any is not finite.

        Parameters
        ----------
        optimizer : Optimizer
        grads : mapping of str to array, or sequence of arrays
            Gradients of the scaled loss, or what `unscale` made of them.

        Returns
        -------
        bool
            Whether the step was taken.
        """
        if not self.enabled:
            optimizer.step(grads)
            return True
        if not self._is_unscaled:
            grads = self._unscaled(grads)
        if self._found is not None and bool(self._found):
            return False
        optimizer.step(grads)
        return True

    def update(self, new_scale: float | None = None) -> None:
        """Adjust the scale by what was found since the last update, or set it.

        Raises
        ------
        RuntimeError
            When no gradients were unscaled since.
        """
        if not self.enabled:
            return
        if new_scale is not None:
            self._set(new_scale, self._growth_factor, self._backoff_factor, self._growth_interval, self._growth_tracker)
        elif self._found is None:
            raise RuntimeError("LossScaler: update needs a step or unscale before it; no gradients were looked at")
        elif bool(self._found):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                self._scale = grown if grown <= np.finfo(np.float32).max else self._scale
                self._growth_tracker = 0
        self._found, self._is_unscaled = None, False

    def state_dict(self) -> dict[str, Array]:
        """The state under torch's names, as arrays without dimensions, which `io.save_safetensors` takes."""
        if not self.enabled:
            return {}
        return {
            "scale": np.array(self._scale),
            "growth_factor": np.array(self._growth_factor),
            "backoff_factor": np.array(self._backoff_factor),
            "growth_interval": np.array(self._growth_interval),
            "_growth_tracker": np.array(self._growth_tracker),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, here or of torch's GradScaler.

        Raises
        ------
        ValueError
            For names that are missing or unknown, and for numbers out of range.
        """
        if not self.enabled:
            return
        expected = self.state_dict().keys()
        if state_dict.keys() != expected:
            raise ValueError(f"LossScaler: the state has {sorted(state_dict)}; expected {sorted(expected)}")
        self._set(*(state_dict[name] for name in expected))
