"""Writing whole trees of parameters: load_state_dict and moves. All or nothing: first every value, then every write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import arrays, placement
from .tree import Array, Role, Slot

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Mismatch", "load", "place"]


class Mismatch(NamedTuple):
    """The names that a state_dict lacks, and those that the module does not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(module: Module, state: Mapping[str, Array], strict: bool) -> Mismatch:
    """``module.load_state_dict``; see there."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: expected a mapping of names to arrays but got {type(state).__name__}")
    title = type(module).__name__
    slots = {slot.name: slot for slot in module.slots(Role.PARAMETER, Role.BUFFER)}
    mismatch = Mismatch([name for name in slots if name not in state], [name for name in state if name not in slots])
    if strict and any(mismatch):
        kinds = zip(("missing", "unexpected"), mismatch, strict=True)
        listed = [f"{kind}: {', '.join(map(str, names))}" for kind, names in kinds if names]
        raise ValueError(f"load_state_dict: {title} and the state do not match; {'; '.join(listed)}")
    values = [(slot, _converted(state[name], slot, title)) for name, slot in slots.items() if name in state]

    written = {id(slot.array) for slot, _ in values}
    holders = [slot for slot in slots.values() if id(slot.array) in written]
    with _changing(slot.owner for slot in holders):
        locked: dict[int, Array] = {}
        for slot, value in values:
            array = slot.array
            if arrays.library(array) == "numpy" and not array.flags.writeable:  # its user locked it, or its file
                locked[id(array)] = value
            else:
                (array.detach() if arrays.library(array) == "torch" else array)[...] = value
        for slot in holders:
            slot.owner.__dict__[slot.attribute] = locked.get(id(slot.array), slot.array)
    return mismatch


def place(module: Module, target: placement.Placement) -> None:
    """``module.to``; see there. Tied parameters stay tied."""
    placed: dict[int, Array] = {}
    moves = []
    for slot in module.slots(Role.PARAMETER, Role.BUFFER, Role.TRANSIENT):
        array = slot.array
        if id(array) not in placed:
            placed[id(array)] = target.place(array)
        if placed[id(array)] is not array:
            moves.append((slot, placed[id(array)]))
    with _changing(slot.owner for slot, _ in moves):
        for slot, array in moves:
            slot.owner.__dict__[slot.attribute] = array


def _changing(owners: Iterable[Module]) -> ExitStack:
    """All the owners' parameters unlocked until the end of the block, then packed and locked again if they were."""
    stack = ExitStack()
    for owner in {id(owner): owner for owner in owners}.values():
        stack.enter_context(owner._changing())
    return stack


def _converted(value: Any, slot: Slot, title: str) -> Array:
    """A fresh copy of the value as the slot's array has it: same library, device, dtype, shape."""
    where = f"load_state_dict: {title}: {slot.name}"
    if arrays.library(value) is None and not isinstance(value, np.generic):
        raise TypeError(f"{where} is {type(value).__name__} but an array is expected")
    if not placement.is_real(value.dtype):
        raise TypeError(f"{where} is {value.dtype} but numbers castable to {slot.array.dtype} are expected")
    if tuple(value.shape) != tuple(slot.array.shape):
        raise ValueError(f"{where} has shape {tuple(value.shape)} but {tuple(slot.array.shape)} is expected")
    return placement.like(value, slot.array)
