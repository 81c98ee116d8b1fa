"""A tree of named arrays: how a module knows its parameters, buffers and sub-modules.

Arrays and sub-modules are ordinary attributes, so that reading one costs nothing; `_roles` says which attributes are
which. Names join with dots along the tree: those are the names of state_dict, of gradients and of optimizers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from .. import arrays, placement

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Array", "Gradients", "Parameter", "Parameters", "Role", "Slot", "Tree"]

Array = Any
Gradients = dict[str, Array]
SomeTree = TypeVar("SomeTree", bound="Tree")


class Role(Enum):
    """What an attribute of a module is to it."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    TRANSIENT = "buffer that state_dict leaves out"
    CHILD = "sub-module"


class Slot(NamedTuple):
    """One parameter or buffer somewhere in a tree of modules."""

    name: str
    owner: Module
    attribute: str

    @property
    def array(self) -> Array:
        return getattr(self.owner, self.attribute)


class Parameter:
    """Marks an array as a parameter on assignment: ``self.scale = nn.Parameter(array)``.

    Reading ``self.scale`` afterwards gives the array itself.

    Parameters
    ----------
    array : array
        The initial value, of a floating-point dtype.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> class Scale(fn.nn.Module):
    ...     def __init__(self, width):
    ...         self.scale = fn.nn.Parameter(np.ones(width, np.float32))
    >>> list(Scale(3).state_dict())
    ['scale']
    """

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


class Parameters(Iterator[Array]):
    """The iterator that ``module.parameters()`` returns; an optimizer given one reads its module's names from it."""

    def __init__(self, module: Tree) -> None:
        self.module = cast("Module", module)
        self._arrays = (array for _, array in module.named_parameters())

    def __next__(self) -> Array:
        return next(self._arrays)


class Tree:
    """What `Module` knows of its arrays and sub-modules: registering, assigning, walking."""

    _roles: dict[str, Role]

    def __new__(cls: type[SomeTree], *args: Any, **kwargs: Any) -> SomeTree:
        tree = super().__new__(cls)
        tree.__dict__["_roles"] = {}
        return tree

    def _changing(self) -> AbstractContextManager[None]:
        """Surrounds every change of this node's own parameters and buffers."""
        return nullcontext()

    # ---- registering -----------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, array: Array | None) -> None:
        """Add a parameter: an array that `vjp` differentiates and optimizers step.

        Parameters
        ----------
        name : str
            Attribute and state_dict name.
        array : array or None
            Its value, of a floating-point dtype; None for one that this layer goes without (``bias=False``).
        """
        self._check_name(name)
        value = None if array is None else self._checked(name, array)
        with self._changing():
            self._roles[name] = Role.PARAMETER
            self.__dict__[name] = value

    def register_buffer(self, name: str, array: Array | None, persistent: bool = True) -> None:
        """Add a buffer: an array that moves with the module but has no gradient, such as running statistics.

        Parameters
        ----------
        name : str
            Attribute and state_dict name.
        array : array or None
            Its value, of any dtype.
        persistent : bool
            Whether it is part of state_dict.
        """
        self._check_name(name)
        self.__dict__[name] = None if array is None else self._checked(name, array, any_dtype=True)
        self._roles[name] = Role.BUFFER if persistent else Role.TRANSIENT

    def __setattr__(self, name: str, value: Any) -> None:
        role = self._roles.get(name)
        if isinstance(value, Parameter) and role is Role.PARAMETER:
            self._assign(name, value.array, role)
        elif isinstance(value, Parameter):
            self.register_parameter(name, value.array)
        elif isinstance(value, Tree):
            if role is not Role.CHILD:
                self._check_name(name)
            self._roles[name] = Role.CHILD
            self.__dict__[name] = value
        elif role is None:
            object.__setattr__(self, name, value)
        elif role is Role.CHILD:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}: {name} is a module; cannot assign {type(value).__name__} to it"
                )
            del self._roles[name]
            self.__dict__[name] = None
        else:
            self._assign(name, value, role)

    def __delattr__(self, name: str) -> None:
        with self._changing():
            object.__delattr__(self, name)
            self._roles.pop(name, None)

    def _assign(self, name: str, value: Array | None, role: Role) -> None:
        if value is not None:
            value = self._checked(name, value, any_dtype=role is not Role.PARAMETER)
            old = self.__dict__[name]
            if old is not None and tuple(old.shape) != tuple(value.shape):
                raise ValueError(
                    f"{type(self).__name__}: {name} has shape {tuple(value.shape)} but {tuple(old.shape)} is expected"
                )
        with self._changing():
            self.__dict__[name] = value

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"{type(self).__name__}: the name of a parameter, buffer or module is a string, not {name!r}"
            )
        if not name or "." in name:
            raise ValueError(f"{type(self).__name__}: {name!r} cannot name a parameter, buffer or module")
        if name in self._roles:
            raise ValueError(f"{type(self).__name__}: {name!r} is already a {self._roles[name].value}")
        if hasattr(type(self), name):
            raise ValueError(f"{type(self).__name__}: {name!r} is already an attribute of the class")

    def _checked(self, name: str, array: Array, any_dtype: bool = False) -> Array:
        if arrays.library(array) is None:
            raise TypeError(f"{type(self).__name__}: {name} is {type(array).__name__} but an array is expected")
        if arrays.library(array) == "jax":
            raise TypeError(f"{type(self).__name__}: {name} is a JAX array, which cannot be updated in place")
        dtype = arrays.dtype_name(array)
        if not any_dtype and dtype not in placement.FLOAT_DTYPES:
            raise TypeError(
                f"{type(self).__name__}: {name} is {dtype} but one of {', '.join(placement.FLOAT_DTYPES)} is expected"
            )
        return array

    # ---- the tree --------------------------------------------------------------------------------------------------

    def _names(self, *roles: Role) -> list[str]:
        return [name for name, role in self._roles.items() if role in roles]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct sub-modules and their names, in order of registration."""
        for name in self._names(Role.CHILD):
            yield name, self.__dict__[name]

    def children(self) -> Iterator[Module]:
        """The direct sub-modules."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module, under the name "", and all below it, each once, under its first name."""
        seen: set[int] = set()
        for name, module in self._paths(""):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _paths(self, name: str) -> list[tuple[str, Module]]:
        paths = [(name, cast("Module", self))]
        for child, role in self._roles.items():
            if role is Role.CHILD:
                paths += self.__dict__[child]._paths(f"{name}.{child}" if name else child)
        return paths

    def slots(self, *roles: Role) -> Iterator[Slot]:
        """Every place in the tree that holds an array of these roles; a shared array or module shows up repeatedly."""
        for path, module in self._paths(""):
            for name in module._names(*roles):
                if module.__dict__[name] is not None:
                    yield Slot(f"{path}.{name}" if path else name, module, name)

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """State_dict names and parameters; a tied parameter once, under its first name."""
        seen: set[int] = set()
        for slot in self.slots(Role.PARAMETER):
            if id(slot.array) not in seen:
                seen.add(id(slot.array))
                yield slot.name, slot.array

    def parameters(self) -> Parameters:
        """The parameters, a tied one once, as an iterator; an optimizer takes it as it takes the module."""
        return Parameters(self)

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Names and buffers, those included that state_dict leaves out."""
        return ((slot.name, slot.array) for slot in self.slots(Role.BUFFER, Role.TRANSIENT))

    def collect(self, by_child: Iterable[tuple[str, Mapping[str, Array]]]) -> Gradients:
        """Gradients of the children under this module's names; a tied parameter's are summed under its first name."""
        first: dict[int, str] = {}
        names = {slot.name: first.setdefault(id(slot.array), slot.name) for slot in self.slots(Role.PARAMETER)}
        grads: Gradients = {}
        for child, gradients in by_child:
            for name, gradient in gradients.items():
                name = names.get(f"{child}.{name}", f"{child}.{name}")
                grads[name] = grads[name] + gradient if name in grads else gradient
        return grads
