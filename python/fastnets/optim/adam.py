"""Adam and AdamW as one fused pass over a parameter and its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..backends import ops
from ..nn.module import Module
from .optimizer import Array, Optimizer, ParameterState, refuse

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam, torch's defaults.

    With gradient g + weight_decay · θ in step t: ``m = β₁ m + (1 - β₁) g``, ``v = β₂ v + (1 - β₂) g²``,
    ``θ = θ - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)``.

    Parameters
    ----------
    model_or_parameters : Module, its ``parameters()``, mapping of str to array, or iterable of arrays
        What to optimise; see `Optimizer`.
    lr : float
        Learning rate; can be set between steps.
    betas : pair of float
        β₁ and β₂, in [0, 1).
    eps : float
        Keeps the denominator from zero.
    weight_decay : float
        Added to the gradient; all parameters decay, as in torch.
    amsgrad, capturable, differentiable : bool
        torch's arguments; True is a ValueError.
    foreach, fused
        torch's choices between its implementations; accepted, without a meaning here.
    maximize : bool
        Step along the gradient, not against it.
    decoupled_weight_decay : bool
        As in `AdamW`.
    groups : list of dict, optional
        Settings of their own for some parameters: ``{"params": names, "weight_decay": 0.0}``; see `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range, and for groups that name what is no parameter or setting.

    Notes
    -----
    The averages m and v are float32 for parameters of float32, bfloat16 and float16, and float64 for float64. A
    half-precision parameter has a float32 master, which is stepped in its stead and of which it is the rounded copy.

    References
    ----------
    Kingma, Ba: Adam: A Method for Stochastic Optimization, 2014, https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Linear(3, 1)
    >>> optimizer = fn.optim.Adam(layer, lr=1e-2)
    >>> y, backward = layer.vjp(np.ones((8, 3), np.float32))
    >>> dx, grads = backward(np.ones((8, 1), np.float32))
    >>> optimizer.step(grads)
    """

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        model_or_parameters: Module | Mapping[str, Array] | Iterable[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        groups: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        refuse(type(self).__name__, amsgrad=amsgrad, capturable=capturable, differentiable=differentiable)
        settings = {"betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": bool(maximize)}
        self.decoupled_weight_decay = bool(decoupled_weight_decay)
        super().__init__(model_or_parameters, lr, settings, groups)

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        betas = settings.get("betas", (0.0, 0.0))
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas are {betas!r} but two numbers in [0, 1) are expected")
        for name in ("lr", "eps", "weight_decay"):
            self.check_not_negative(settings, name)

    def update(self, parameter: Array, gradient: Array, state: ParameterState, settings: Mapping[str, Any]) -> None:
        ops.adam(
            parameter,
            gradient,
            state.arrays["exp_avg"],
            state.arrays["exp_avg_sq"],
            state.arrays.get("master"),
            state.step,
            settings["lr"],
            *settings["betas"],
            settings["eps"],
            settings["weight_decay"],
            self.decoupled_weight_decay,
            settings["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay, torch's defaults.

    As `Adam` with the gradient alone, and before the step ``θ = θ (1 - lr · weight_decay)``.

    Parameters
    ----------
    model_or_parameters, lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused, groups
        As in `Adam`.
    weight_decay : float
        λ. All parameters decay, as in torch; ``groups=decay_groups(model)`` spares norms and biases.

    Raises
    ------
    ValueError
        For numbers out of range, and for groups that name what is no parameter or setting.

    References
    ----------
    Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2017, https://arxiv.org/abs/1711.05101

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Linear(3, 1)
    >>> optimizer = fn.optim.AdamW(layer, lr=1e-2)
    >>> y, backward = layer.vjp(np.ones((8, 3), np.float32))
    >>> dx, grads = backward(np.ones((8, 1), np.float32))
    >>> optimizer.step(grads)
    """

    def __init__(
        self,
        model_or_parameters: Module | Mapping[str, Array] | Iterable[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        groups: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(
            model_or_parameters,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            decoupled_weight_decay=True,
            groups=groups,
        )
