"""Gradient descent with momentum as one fused pass over a parameter and its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import placement
from ..backends import ops
from ..nn.module import Module
from .optimizer import Array, Optimizer, ParameterState, refuse

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent, torch's defaults.

    With gradient g + weight_decay · θ: ``b = momentum · b + (1 - dampening) · g``, in the first step ``b = g``, and
    ``θ = θ - lr · b``; with Nesterov's momentum ``θ = θ - lr · (g + momentum · b)``, without any ``θ = θ - lr · g``.

    Parameters
    ----------
    model_or_parameters : Module, its ``parameters()``, mapping of str to array, or iterable of arrays
        What to optimise; see `Optimizer`.
    lr : float
        Learning rate; can be set between steps.
    momentum : float
        At least 0.
    dampening : float
        By how much less than all of the gradient joins the momentum.
    weight_decay : float
        Added to the gradient; all parameters decay, as in torch; ``groups=decay_groups(model)`` spares norms and
        biases.
    nesterov : bool
        Needs a momentum and no dampening.
    maximize : bool
        Step along the gradient, not against it.
    differentiable : bool
        torch's argument; True is a ValueError.
    foreach, fused
        torch's choices between its implementations; accepted, without a meaning here.
    groups : list of dict, optional
        Settings of their own for some parameters: ``{"params": names, "momentum": 0.0}``; see `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range, and for groups that name what is no parameter or setting.

    Notes
    -----
    The momentum b, kept where there is one, is float32 for parameters of float32, bfloat16 and float16, and float64
    for float64. A half-precision parameter has a float32 master, which is stepped in its stead and of which it is the
    rounded copy.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep learning, 2013

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Linear(3, 1)
    >>> optimizer = fn.optim.SGD(layer, lr=1e-2, momentum=0.9)
    >>> y, backward = layer.vjp(np.ones((8, 3), np.float32))
    >>> dx, grads = backward(np.ones((8, 1), np.float32))
    >>> optimizer.step(grads)
    """

    optional_slots = ("momentum_buffer",)

    def __init__(
        self,
        model_or_parameters: Module | Mapping[str, Array] | Iterable[Array],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        groups: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        refuse("SGD", differentiable=differentiable)
        settings = {
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": bool(nesterov),
            "maximize": bool(maximize),
        }
        super().__init__(model_or_parameters, lr, settings, groups)

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            self.check_not_negative(settings, name)
        merged = {**self.settings, **settings}
        if merged["nesterov"] and not (merged["momentum"] > 0 and merged["dampening"] == 0):
            raise ValueError(
                f"SGD: nesterov is True with momentum={merged['momentum']!r} and dampening={merged['dampening']!r}; "
                "expected a momentum above 0 and no dampening"
            )

    def update(self, parameter: Array, gradient: Array, state: ParameterState, settings: Mapping[str, Any]) -> None:
        is_first = settings["momentum"] != 0 and "momentum_buffer" not in state.arrays
        if is_first:
            state.arrays["momentum_buffer"] = placement.zeros_like(parameter, placement.state_dtype(parameter))
        ops.sgd(
            parameter,
            gradient,
            state.arrays.get("momentum_buffer"),
            state.arrays.get("master"),
            settings["lr"],
            settings["momentum"],
            settings["dampening"],
            settings["weight_decay"],
            settings["nesterov"],
            settings["maximize"],
            is_first,
        )
