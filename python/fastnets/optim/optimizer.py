"""What optimizers share: which parameters, which gradients, which settings, and the state kept for each parameter."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import arrays, placement
from ..nn.module import Module
from ..nn.tree import Parameters, Role

__all__ = ["Optimizer", "ParameterState", "decay_groups", "refuse"]

Array = Any
HALF = ("float16", "bfloat16")


@dataclass
class ParameterState:
    """What an optimizer keeps for one parameter.

    Attributes
    ----------
    step : int
        How often the parameter was stepped.
    arrays : dict of str to array
        The rule's running averages, of float32 (float64 for float64 parameters), and "master", the float32 copy of a
        half-precision parameter.
    version : int or None
        The owning layer's count of changes after the last step: while it stands, nobody else changed the parameter.
    """

    step: int = 0
    arrays: dict[str, Array] = field(default_factory=dict)
    version: int | None = None


class _Target(NamedTuple):
    """A parameter as it is now, and the layer that it belongs to, if any."""

    array: Array
    owner: Module | None


class Optimizer(ABC):
    """Base of the optimizers: ``optimizer.step(grads)`` updates parameters in place, by name.

    Parameters
    ----------
    model_or_parameters : Module, its ``parameters()``, mapping of str to array, or iterable of arrays
        What to optimise. A module's parameters are looked up at each step, so that ``model.to(…)`` and assignments
        survive. Arrays without names are called "0", "1", …
    lr : float
        Learning rate, at least 0; an attribute that can be set at any time.
    settings : dict
        The rule's other settings and their defaults.
    groups : list of dict, optional
        Settings of their own for some parameters: ``{"params": names, "weight_decay": 0.0, …}``. Any setting may stand
        there, "lr" too; a group without "lr" follows the optimizer's.

    Attributes
    ----------
    lr : float
    settings : dict
    groups : list of dict
        All may be changed between steps.

    Notes
    -----
    A rule is a subclass that names its running averages in `slots`, those that it makes itself when it needs them in
    `optional_slots`, and writes `check_settings` and `update`.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    optional_slots: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        model_or_parameters: Module | Parameters | Mapping[str, Array] | Iterable[Array],
        lr: float,
        settings: dict[str, Any],
        groups: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self._parameters = _parameters(type(self).__name__, model_or_parameters)
        self.lr = lr
        self.settings = settings
        self.groups = [dict(group) for group in groups or ()]
        self.state: dict[str, ParameterState] = {}
        for each in (settings, *self.groups):
            self.check_settings(each)
        self._check_groups()

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        rate = float(value)
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"{type(self).__name__}: lr is {value!r} but a finite number of at least 0 is expected")
        self._lr = rate

    @abstractmethod
    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """ValueError for settings, the optimizer's or a group's, that are out of range."""

    def check_not_negative(self, settings: Mapping[str, Any], name: str) -> None:
        """ValueError for a setting that is there and below 0 or nan."""
        if not settings.get(name, 0.0) >= 0:
            raise ValueError(f"{self._title}: {name} is {settings[name]!r} but a number of at least 0 is expected")

    @abstractmethod
    def update(self, parameter: Array, gradient: Array, state: ParameterState, settings: Mapping[str, Any]) -> None:
        """Update one parameter and its state in place; ``state.step`` counts this step, `settings` include "lr"."""

    def step(self, grads: Mapping[str, Array | None] | Sequence[Array | None]) -> None:
        """Update the parameters that have a gradient, in place. All or nothing: everything is checked first.

        Parameters
        ----------
        grads : mapping of str to array, or sequence of arrays for parameters without names
            Gradients, as `backward` returns them. A parameter without one, or with None, is left alone.

        Raises
        ------
        ValueError
            For names that are no parameter's, for shapes that differ, and for parameters that are read-only, as they
            are in eval mode.
        TypeError
            For gradients of another array library, on another device or not of floating-point numbers.
        """
        targets = self._targets()
        given = grads if isinstance(grads, Mapping) else _numbered(self._title, grads, len(targets))
        self._refuse_unknown("gradients", given, targets)
        gradients = {name: gradient for name, gradient in given.items() if gradient is not None}
        for name, gradient in gradients.items():
            self._check(name, targets[name], gradient)
        options = self._settings_by_name()
        for name, gradient in gradients.items():
            state = self._prepared(name, targets[name])
            state.step += 1
            self.update(targets[name].array, gradient, state, {"lr": self.lr, **self.settings, **options.get(name, {})})
        if isinstance(self._parameters, Module):
            self._parameters.parameters_changed(gradients)
            for name in gradients:
                self.state[name].version = _version(targets[name])

    # ---- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """The state as one flat dictionary of arrays, which `io.save_safetensors` takes.

        Returns
        -------
        dict of str to array
            "lr", and for each parameter that was stepped "NAME.step" and "NAME.SLOT", the live arrays.
        """
        state: dict[str, Array] = {"lr": np.array(self.lr)}
        for name, parameter in self.state.items():
            state[f"{name}.step"] = np.array(parameter.step)
            state.update({f"{name}.{slot}": array for slot, array in parameter.arrays.items()})
        return state

    def load_state_dict(self, state_dict: Mapping[str, Array]) -> None:
        """Replace the state by copies of what `state_dict` returned, of any array library. All or nothing.

        Raises
        ------
        ValueError
            For names that belong to no parameter, for missing ones, and for shapes that differ.
        """
        targets = self._targets()
        slots = ("step", *self.slots, *self.optional_slots, "master")
        known = {f"{name}.{slot}": (name, slot) for name in targets for slot in slots}
        self._refuse_unknown("state", [key for key in state_dict if key != "lr"], known)
        by_name: dict[str, dict[str, Array]] = {}
        for key, value in state_dict.items():
            if key != "lr":
                name, slot = known[key]
                by_name.setdefault(name, {})[slot] = value
        loaded = {name: self._loaded(name, targets[name].array, slots) for name, slots in by_name.items()}
        if "lr" in state_dict:
            self.lr = state_dict["lr"]
        self.state = loaded

    def _loaded(self, name: str, parameter: Array, values: dict[str, Array]) -> ParameterState:
        missing = [f"{name}.{slot}" for slot in ("step", *self.slots) if slot not in values]
        if missing:
            raise ValueError(f"{self._title}: the state lacks {', '.join(missing)}")
        step = int(values.pop("step"))
        for slot, value in values.items():
            if tuple(value.shape) != tuple(parameter.shape):
                raise ValueError(
                    f"{self._title}: {name}.{slot} has shape {tuple(value.shape)}; expected {tuple(parameter.shape)}"
                )
        dtype = placement.state_dtype(parameter)
        return ParameterState(step, {slot: placement.like(value, parameter, dtype) for slot, value in values.items()})

    def _prepared(self, name: str, target: _Target) -> ParameterState:
        """The parameter's state: made at the first step, moved where the parameter has moved, its master up to date."""
        parameter, dtype = target.array, placement.state_dtype(target.array)
        state = self.state.setdefault(name, ParameterState())
        for slot in (*self.slots, *self.optional_slots):
            array = state.arrays.get(slot)
            if array is None:
                if slot in self.slots:
                    state.arrays[slot] = placement.zeros_like(parameter, dtype)
            elif not placement.same_place(array, parameter) or arrays.dtype_name(array) != dtype:
                state.arrays[slot] = placement.like(array, parameter, dtype)
        if arrays.dtype_name(parameter) not in HALF:
            state.arrays.pop("master", None)
        elif not self._master_holds(state, target):
            state.arrays["master"] = placement.like(parameter, parameter, "float32")
        return state

    @staticmethod
    def _master_holds(state: ParameterState, target: _Target) -> bool:
        """Whether the parameter still is its rounded master: load_state_dict, for one, may have changed it since."""
        master = state.arrays.get("master")
        if master is None or not placement.same_place(master, target.array):
            return False
        if state.version is not None and state.version == _version(target):
            return True
        rounded = placement.cast(master, arrays.dtype_name(target.array))
        return bool((rounded == target.array).all())

    # ---- checks ----------------------------------------------------------------------------------------------------

    @property
    def _title(self) -> str:
        return type(self).__name__

    def _targets(self) -> dict[str, _Target]:
        if not isinstance(self._parameters, Module):
            return {name: _Target(array, None) for name, array in self._parameters.items()}
        names = {name for name, _ in self._parameters.named_parameters()}
        slots = self._parameters.slots(Role.PARAMETER)
        return {slot.name: _Target(slot.array, slot.owner) for slot in slots if slot.name in names}

    def _check(self, name: str, target: _Target, gradient: Array) -> None:
        parameter = target.array
        if arrays.library(gradient) is None:
            raise TypeError(f"{self._title}: the gradient of {name} is {type(gradient).__name__}; expected an array")
        if not placement.same_place(parameter, gradient):
            places = [
                f"{arrays.library(array)} array on {getattr(array, 'device', 'cpu')}" for array in (gradient, parameter)
            ]
            raise TypeError(f"{self._title}: the gradient of {name} is a {places[0]} but the parameter a {places[1]}")
        if arrays.dtype_name(gradient) not in placement.FLOAT_DTYPES:
            raise TypeError(
                f"{self._title}: the gradient of {name} is {gradient.dtype}; expected a floating-point dtype"
            )
        served = (arrays.dtype_name(parameter), placement.state_dtype(parameter))
        if arrays.dtype_name(gradient) not in served:
            wanted = " or ".join(dict.fromkeys(served))
            raise TypeError(f"{self._title}: the gradient of {name} is {gradient.dtype}; expected {wanted}")
        if tuple(gradient.shape) != tuple(parameter.shape):
            raise ValueError(
                f"{self._title}: the gradient of {name} has shape {tuple(gradient.shape)} but "
                f"{tuple(parameter.shape)} is expected"
            )
        if target.owner is not None and not target.owner.training:
            raise ValueError(f"{self._title}: {name} is locked because its layer is in eval mode; call train() first")
        if isinstance(parameter, np.ndarray) and not parameter.flags.writeable:
            raise ValueError(f"{self._title}: {name} is read-only; expected an array that can be updated in place")

    def _check_groups(self) -> None:
        targets, seen = self._targets(), set[str]()
        for group in self.groups:
            self._refuse_unknown("group settings", group, {"params", "lr", *self.settings})
            names = [group["params"]] if isinstance(group.get("params"), str) else list(group.get("params", ()))
            self._refuse_unknown("groups", names, targets)
            twice = [name for name in names if name in seen]
            if twice:
                raise ValueError(f"{self._title}: groups name {', '.join(twice)} more than once")
            seen.update(names)
            group["params"] = names

    def _settings_by_name(self) -> dict[str, Mapping[str, Any]]:
        return {
            name: {setting: value for setting, value in group.items() if setting != "params"}
            for group in self.groups
            for name in group["params"]
        }

    def _refuse_unknown(self, where: str, names: Iterable[str], known: Iterable[str]) -> None:
        known = set(known)
        unknown = [str(name) for name in names if name not in known]
        if unknown:
            raise ValueError(
                f"{self._title}: {where} name {', '.join(unknown)}; expected some of {', '.join(sorted(known))}"
            )


def decay_groups(model_or_parameters: Module | Mapping[str, Array]) -> list[dict[str, Any]]:
    """Groups that keep weight decay away from norms and biases: from every parameter of fewer than two dimensions.

    Parameters
    ----------
    model_or_parameters : Module or mapping of str to array
        What the optimizer is given.

    Returns
    -------
    list of dict
        For an optimizer's `groups`.

    Examples
    --------
    >>> import fastnets as fn
    >>> layer = fn.nn.Linear(2, 3)
    >>> optimizer = fn.optim.AdamW(layer, lr=1e-3, weight_decay=0.1, groups=fn.optim.decay_groups(layer))
    >>> optimizer.groups
    [{'params': ['bias'], 'weight_decay': 0.0}]
    """
    parameters = _parameters("decay_groups", model_or_parameters)
    named = parameters.named_parameters() if isinstance(parameters, Module) else parameters.items()
    return [{"params": [name for name, array in named if len(array.shape) < 2], "weight_decay": 0.0}]


def refuse(title: str, **settings: bool) -> None:
    """ValueError for those of torch's settings that are asked for and not served."""
    for name, value in settings.items():
        if value:
            raise ValueError(f"{title}: {name}={value!r} is not served; expected False")


def _parameters(title: str, given: Any) -> Module | Mapping[str, Array]:
    """The module, or the arrays by name, that an optimizer was given."""
    if isinstance(given, Module):
        return given
    if isinstance(given, Parameters):
        return given.module
    if arrays.library(given) is not None or not isinstance(given, Iterable):
        raise TypeError(
            f"{title}: expected a module, a mapping of names to arrays or some arrays but got {type(given).__name__}"
        )
    if isinstance(given, Mapping):
        named = given
    else:
        listed = list(given)
        pairs = all(isinstance(each, tuple) and len(each) == 2 for each in listed)
        named = dict(listed) if pairs else {str(i): array for i, array in enumerate(listed)}
    for name, array in named.items():
        if arrays.library(array) is None:
            raise TypeError(f"{title}: parameter {name} is {type(array).__name__}; expected an array")
        if arrays.dtype_name(array) not in placement.FLOAT_DTYPES:
            raise TypeError(f"{title}: parameter {name} is {array.dtype}; expected a floating-point dtype")
    return named


def _numbered(title: str, grads: Sequence[Array | None], count: int) -> dict[str, Array | None]:
    if arrays.library(grads) is not None or not isinstance(grads, Sequence):
        raise TypeError(f"{title}: expected a mapping of names to gradients but got {type(grads).__name__}")
    if len(grads) != count:
        raise ValueError(f"{title}: got {len(grads)} gradients for {count} parameters")
    return {str(i): gradient for i, gradient in enumerate(grads)}


def _version(target: _Target) -> int | None:
    return None if target.owner is None else target.owner._version
