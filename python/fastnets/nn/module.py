"""Module: the base of all layers. A call, its backward, and the two modes.

A simple layer is its parameters and one method, `operation`, which says which functional call it makes; the call itself
and its `vjp` follow. Composite layers are written with the combinators of `combinators.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

from .. import backends, placement
from ..autodiff import vjp
from . import state, structure, taped
from .tree import Array, Gradients, Role, Tree

__all__ = ["Backward", "Module"]

Backward = Callable[[Any], tuple[Any, Gradients]]
SomeModule = TypeVar("SomeModule", bound="Module")


class Module(Tree):
    """Base of all layers: computes when called, returns gradients when asked.

    ``layer(x)`` computes. ``y, backward = layer.vjp(x)`` computes and returns `backward`, which takes the gradient of
    the output and returns ``(dinputs, grads)``. Nothing is accumulated behind the user's back.

    A subclass creates its parameters (`Parameter`, `register_parameter`), its buffers (`register_buffer`) and its
    sub-modules (by assignment) in ``__init__``, and then

    - overrides `operation`, and is done;
    - or is built from combinators, and has nothing else to write;
    - or overrides `forward` and `vjp` by hand.

    Attributes
    ----------
    training : bool
        True after `train`, False after `eval`.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np, fastnets as fn
    >>> import fastnets.functional as F
    >>> class Map(fn.nn.Module):
    ...     def __init__(self, weight):
    ...         self.weight = fn.nn.Parameter(weight)
    ...     def operation(self, input):
    ...         return partial(F.linear, input, weight=self.weight)
    >>> layer = Map(2 * np.eye(3, dtype=np.float32))
    >>> y, backward = layer.vjp(np.ones((1, 3), np.float32))
    >>> dx, grads = backward(np.ones((1, 3), np.float32))
    >>> dx.tolist(), list(grads)
    ([[2.0, 2.0, 2.0]], ['weight'])
    """

    training: bool = True
    by_hand: bool = False  # whether a subclass wrote a vjp of its own
    _packed: dict[str, object] | None = None  # in eval: parameters as the kernels like them, by name
    _frozen: tuple[Array, ...] = ()  # the arrays that eval() made read-only
    _version: int = 0  # counts the changes of this module's own parameters and buffers

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "vjp" in vars(cls) and "by_hand" not in vars(cls):
            cls.by_hand = True

    # ---- computing -------------------------------------------------------------------------------------------------

    def operation(self, *inputs: Any, **keywords: Any) -> partial[Any]:
        """The functional call that this layer is.

        Inputs come first, positionally and called what the function calls them; parameters go by keyword, as they are
        or in nested tuples and lists. `forward` and `vjp` rely on both.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: a module is built from combinators (Sequential, Residual, …), or overrides "
            "operation(), or overrides forward() and vjp()"
        )

    def packed_operands(self) -> dict[str, object]:
        """Parameters of `operation` packed for the kernels, by name; asked for once, by `eval`."""
        return {}

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """What calling the module computes."""
        call = self.operation(*inputs, **keywords)
        if self._packed:
            return call.func(*call.args, **{**call.keywords, **self._packed})
        return call()

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        if self.by_hand and backends.current_mode().by_layer:
            output = taped.call(self, inputs, keywords)
        else:
            output = self.forward(*inputs, **keywords)
        watch = structure.watcher.get()
        if watch is not None:
            watch(self, inputs, output)
        return output

    def vjp(self, *inputs: Any, input_gradient: bool = True, **keywords: Any) -> tuple[Any, Backward]:
        """Compute, and return the vector-Jacobian product with respect to the inputs and the parameters.

        Parameters
        ----------
        *inputs : array
            What the layer is called with.
        input_gradient : bool
            Whether `backward` is to return the inputs' gradients; a model's first layer need not.
        **keywords
            The layer's own keyword arguments, such as masks or lengths.

        Returns
        -------
        y : array or nested tuple of arrays
            ``layer(*inputs, **keywords)``.
        backward : callable
            Takes the gradient of `y`, nested as `y` is, None for zero. Returns ``(dinputs, grads)``: `dinputs` is the
            gradient of the input, a tuple for several inputs, None if not asked for; `grads` maps the parameters'
            state_dict names to their gradients, with a tied parameter once, summed, under its first name.
            It may be called more than once, but not after the parameters changed.

        Raises
        ------
        RuntimeError
            By `backward`, if an optimizer, an assignment or load_state_dict changed the layer's parameters since.
        """
        call = self.operation(*inputs, **keywords)
        y, backward = vjp(call.func, *call.args, **call.keywords)
        input_names = _input_names(type(self).operation)[: len(inputs)]
        own = {id(self.__dict__[name]): name for name in reversed(self._names(Role.PARAMETER))}  # the first name wins
        holding = [n for n, value in call.keywords.items() if any(id(leaf) in own for leaf in _present(value))]
        wanted = (*holding, *(input_names if input_gradient else ()))
        version = self._version

        def layer_backward(dy: Any) -> tuple[Any, Gradients]:
            self.check_version(version)
            gradients = backward(dy, by_name=True, wanted=wanted)
            grads: Gradients = {}
            for holder in holding:
                if holder in gradients:
                    _add(grads, own, call.keywords[holder], gradients[holder])
            if not input_gradient:
                return None, grads
            dinputs = tuple(gradients.get(name) for name in input_names)
            return dinputs[0] if len(dinputs) == 1 else dinputs, grads

        return y, layer_backward

    def check_version(self, version: int) -> None:
        """Raise RuntimeError if the parameters changed since ``self._version`` was `version`."""
        if self._version != version:
            raise RuntimeError(
                f"{type(self).__name__}: backward was called after the parameters it belongs to were changed; "
                "call vjp again, then backward, then step"
            )

    def flops(self, inputs: tuple[Any, ...], output: Any) -> int:
        """Floating-point operations of one call: two for each multiply-add of its products, nothing else counted."""
        return 0

    # ---- modes -----------------------------------------------------------------------------------------------------

    def train(self: SomeModule, mode: bool = True) -> SomeModule:
        """Switch the tree to training (or, with False, to evaluation) and return it.

        Training unpacks the weights and makes the arrays that `eval` locked writable again.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is {mode!r} but True or False is expected")
        for module in self.modules():
            module.__dict__["training"] = mode
            if mode:
                module._thaw()
            elif module._packed is None:
                module._freeze()
        return self

    def eval(self: SomeModule) -> SomeModule:
        """Switch the tree to evaluation and return it.

        Dropout and the like become inactive, weights are packed for the kernels, and NumPy parameters and buffers
        become read-only, since a change in place would not reach the packed copy. Assigning one and `load_state_dict`
        still work: they pack anew.
        """
        return self.train(False)

    def _freeze(self) -> None:
        """Pack this module's own parameters, and lock them and its buffers."""
        names = self._names(Role.PARAMETER, Role.BUFFER, Role.TRANSIENT)
        arrays = [self.__dict__[name] for name in names if self.__dict__[name] is not None]
        on_host = all(isinstance(array, np.ndarray) for array in arrays)  # others could change under the packed copy
        self._packed = self.packed_operands() if on_host else {}
        self._frozen = tuple(array for array in arrays if isinstance(array, np.ndarray) and array.flags.writeable)
        for array in self._frozen:
            array.flags.writeable = False

    def _thaw(self) -> None:
        for array in self._frozen:
            array.flags.writeable = True
        self._frozen, self._packed = (), None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        packed = self._packed is not None
        self._thaw()
        try:
            yield
        finally:
            self._version += 1
            if packed:
                self._freeze()

    def parameters_changed(self, names: Iterable[str]) -> None:
        """Tell the layers that hold these parameters, tied ones included, that their values were changed in place.

        Optimizers call it after a step: packed copies are renewed, and a `backward` from before raises RuntimeError.
        """
        arrays = dict(self.named_parameters())
        changed = {id(arrays[name]) for name in names}
        for owner in {id(s.owner): s.owner for s in self.slots(Role.PARAMETER) if id(s.array) in changed}.values():
            with owner._changing():
                pass

    # ---- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Parameters and persistent buffers by name: torch's names, the live arrays, tied ones under every name."""
        return {slot.name: slot.array for slot in self.slots(Role.PARAMETER, Role.BUFFER)}

    def load_state_dict(self, state_dict: Mapping[str, Array], strict: bool = True) -> state.Mismatch:
        """Copy values of any array library into the parameters and buffers, casting to their dtypes.

        All or nothing: on an error the module is as it was.

        Parameters
        ----------
        state_dict : mapping of str to array
            Values by name, such as another model's ``state_dict()``, torch's or JAX's arrays included.
        strict : bool
            Whether missing and unexpected names are an error.

        Returns
        -------
        Mismatch
            ``missing_keys`` and ``unexpected_keys``, both empty if `strict`.

        Raises
        ------
        ValueError
            For missing or unexpected names, all of which it lists, and for shapes that differ.
        TypeError
            For a value that is no array of numbers.

        Examples
        --------
        >>> import numpy as np, fastnets as fn
        >>> layer = fn.nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1)})
        Mismatch(missing_keys=[], unexpected_keys=[])
        >>> layer.weight.dtype
        dtype('float32')
        """
        return state.load(self, state_dict, strict)

    def to(self: SomeModule, *targets: Any, device: Any = None, dtype: Any = None) -> SomeModule:
        """Move the parameters and buffers to a device, a dtype or an array library, in place.

        Parameters
        ----------
        *targets
            Any of: a device, "cpu" or "cuda" or "cuda:1" (NumPy arrays become CuPy arrays there, and come back); a
            floating-point dtype, as a name or as any library's object (buffers of integers keep theirs); "torch" or
            "numpy".
        device, dtype
            The same by keyword, as in torch.

        Returns
        -------
        Module
            The module itself.

        Raises
        ------
        ValueError
            For a name that is none of these.
        TypeError
            For a dtype that no layer serves.
        ImportError
            If the library that the move needs is not installed; names the extra that brings it.

        Examples
        --------
        >>> import fastnets as fn
        >>> fn.nn.Linear(2, 3).to("float64").weight.dtype
        dtype('float64')
        """
        named = [target for target in (device, dtype) if target is not None]
        state.place(self, placement.Placement.parse(*targets, *named))
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None, "_frozen": ()}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        if not self.training:
            self._freeze()

    # ---- looking ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments that `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        return structure.tree_of(self)

    def summary(self, input_shape: tuple[int, ...], dtype: Any = None) -> structure.Summary:
        """Run the module once on zeros and list its tree with output shapes, parameters and FLOPs.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the input, the batch included.
        dtype : dtype or str, optional
            Of the input; by default that of the parameters.

        Returns
        -------
        Summary
            A string that shows itself as a table, with the totals as ``parameters`` and ``flops``. A multiply-add
            counts as two operations; what is no product is not counted, as in torch.utils.flop_counter.

        Examples
        --------
        >>> import fastnets as fn
        >>> fn.nn.Sequential(fn.nn.Linear(3, 4), fn.nn.ReLU()).summary((2, 3)).parameters
        16
        """
        return structure.summarise(self, input_shape, dtype)


def _present(value: Any) -> Iterator[Any]:
    """The leaves of a nested value, None left out."""
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _present(item)
    elif value is not None:
        yield value


def _add(grads: Gradients, names: dict[int, str], value: Any, gradient: Any) -> None:
    """Add the gradients of the parameters in a nested value under their names."""
    if gradient is None:
        return
    if isinstance(value, (tuple, list)):
        for item, of_item in zip(value, gradient, strict=True):
            _add(grads, names, item, of_item)
    elif id(value) in names:
        name = names[id(value)]
        grads[name] = grads[name] + gradient if name in grads else gradient


@cache
def _input_names(operation: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the inputs that an `operation` method takes, self left out."""
    return tuple(inspect.signature(operation).parameters)[1:]
