"""The base class of layers and networks: parameters, children, modes, state, and a printed form, as in `torch.nn`.

Parameters are plain NumPy arrays. A layer in eval mode may keep a packed copy of its weights (`_packed`), so the
module has to know when somebody could have changed them:

* whatever is handed out (``layer.weight``, `parameters`, `named_parameters`, `state_dict`) may be written to later,
  so handing it out calls ``_packed.touch()``: from then on the extension packs anew at each call, until nobody else
  holds the array any more;
* whatever is assigned (``layer.weight = a``, ``layer.stride = (2, 2)``, `train`, `load_state_dict`) drops the copy.

The layers themselves read ``self._parameters["weight"]``, which marks nothing. What is small, a bias or the arrays of a
batch norm that is folded into the weights, is not watched in this way but looked at in each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._interop import as_array, exchange, named_dtype
from .arguments import cpu_device, floating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

    from .._types import Array


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` did not find, and what it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _indent(text: str) -> str:
    """Indent every line but the first."""
    return text.replace("\n", "\n  ")


class Module:
    """Base class of layers and networks, as `torch.nn.Module`.

    A subclass calls ``super().__init__()`` first, assigns its arrays and sub-modules, and defines `forward`.

    An ndarray assigned to an attribute is a parameter. (torch needs a `Parameter` around it, because it must tell
    what to differentiate.) An array that is none, say a mean to subtract, is registered with `register_buffer`. Either
    may be replaced by another array or by None, not by anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, factor):
    ...         super().__init__()
    ...         self.factor = np.array([factor])
    ...     def forward(self, input):
    ...         return self.factor * input
    >>> scale = Scale(3.0)
    >>> scale(np.array([1.0, 2.0]))
    array([3., 6.])
    >>> scale.state_dict()
    {'factor': array([3.])}
    """

    training: bool
    _packed: Any
    _parameters: dict[str, Array | None]
    _buffers: dict[str, Array | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        self.__dict__.update(training=True, _packed=None, _parameters={}, _buffers={}, _modules={})

    # ---- calling ----

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is np.ndarray:
            return self.forward(*args, **kwargs)
        return exchange(self.forward, args, kwargs)  # perhaps of another library

    # ---- attributes ----

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is no true attribute. `__dict__.get`: copying looks up names before there is any state.
        state = self.__dict__
        for table in ("_parameters", "_buffers"):
            if name in state.get(table, ()):
                self._touch()
                return state[table][name]
        if name in state.get("_modules", ()):
            return state["_modules"][name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        registered = isinstance(value, (np.ndarray, Module))
        if "_parameters" not in state:
            if registered:
                raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
            object.__setattr__(self, name, value)
            return
        state["_packed"] = None
        if isinstance(value, Module):
            self.add_module(name, value)
        elif registered and name in self._buffers:
            self._buffers[name] = value
        elif registered:
            self.register_parameter(name, value)
        else:
            for table, kind in (
                ("_parameters", "an ndarray or None"),
                ("_buffers", "an ndarray or None"),
                ("_modules", "a Module or None"),
            ):
                if name in state[table]:
                    if value is None:
                        state[table][name] = None
                        return
                    raise TypeError(f"{type(self).__name__}.{name} must be {kind}, got {type(value).__name__}")
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self.__dict__["_packed"] = None
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._parameters, *self._buffers, *self._modules})

    def _touch(self) -> None:
        """Note that somebody outside may now write to an array of this module."""
        packed = self._packed
        if packed is not None:
            packed.touch()

    def _register(self, table: dict[str, Any], name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before registering {name!r}")
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"a name must be a non-empty string without '.', got {name!r}")
        if name not in table and hasattr(type(self), name):
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already")
        self.__dict__.pop(name, None)
        for other in (self._parameters, self._buffers, self._modules):
            if other is not table:
                other.pop(name, None)
        self.__dict__["_packed"] = None
        table[name] = value

    def register_parameter(self, name: str, param: Array | None) -> None:
        """Add or replace the parameter `name`; None keeps the name for one that is absent, as a layer's bias."""
        if param is not None and not isinstance(param, np.ndarray):
            raise TypeError(f"parameter {name!r} must be an ndarray or None, got {type(param).__name__}")
        self._register(self.__dict__.get("_parameters", {}), name, param)

    def register_buffer(self, name: str, array: Array | None) -> None:
        """Add or replace an array that belongs to the state, but is no parameter; None for one that is absent."""
        if array is not None and not isinstance(array, np.ndarray):
            raise TypeError(f"buffer {name!r} must be an ndarray or None, got {type(array).__name__}")
        self._register(self.__dict__.get("_buffers", {}), name, array)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add or replace the child `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"child {name!r} must be a Module or None, got {type(module).__name__}")
        self._register(self.__dict__.get("_modules", {}), name, module)

    # ---- walking ----

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the name and module of each direct child, each module once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield each direct child once."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, with dotted names; each once unless `remove_duplicate` is False."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def _named_arrays(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Array]]:
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else iter([(prefix, self)])
        )
        seen: set[int] = set()
        for path, module in owners:
            for name, array in module.__dict__[table].items():
                if array is None or id(array) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(array))
                module._touch()
                yield (f"{path}.{name}" if path else name), array

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Array]]:
        """Yield the dotted name and array of each parameter; arrays are references, not copies."""
        return self._named_arrays("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Array]:
        """Yield each parameter once, of this module and, with `recurse`, of all below it."""
        for _, array in self.named_parameters(recurse=recurse):
            yield array

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Array]]:
        """Yield the dotted name and array of each buffer."""
        return self._named_arrays("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Array]:
        """Yield each buffer once."""
        for _, array in self.named_buffers(recurse=recurse):
            yield array

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below this one and then on this one; return self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- mode ----

    def train(self, mode: bool = True) -> Self:
        """Set training mode in this module and all below it; return self. Packed weights are dropped."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be a bool, got {mode!r}")
        for module in self.modules():
            if module.training is not mode:
                module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode, in which layers keep their weights packed; return self."""
        return self.train(False)

    # ---- element types ----

    def _convert(self, dtype: np.dtype[Any], converted: Callable[[Array], Array]) -> None:
        """Replace the floating arrays of this module alone."""
        self.__dict__["_packed"] = None
        for table in (self._parameters, self._buffers):
            for name, array in table.items():
                if array is not None and (array.dtype.kind == "f" or array.dtype.name == "bfloat16"):
                    table[name] = converted(array)

    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Self:
        """Convert parameters and buffers that are floats, of this module and all below it; return self.

        Parameters
        ----------
        *args
            A dtype, of NumPy or torch, an array or tensor that has it, or a device, before a dtype if both.
        device : None or 'cpu'
            For torch's sake, as `non_blocking`.
        dtype : float32, float64, float16 or bfloat16, optional
            If None, nothing is converted.

        Raises
        ------
        ValueError
            Another device.
        TypeError
            Other types.

        Examples
        --------
        >>> import numpy as np
        >>> from pyconv import nn
        >>> nn.Linear(3, 2).to(np.float16).weight.dtype
        dtype('float16')
        """
        for value in args:
            if hasattr(value, "dtype") and not isinstance(value, type):
                dtype = value.dtype
            elif value is None or isinstance(value, str) or type(value).__name__ == "device":
                device = value
            else:
                dtype = value
        cpu_device(device)
        if dtype is None:
            return self
        kind = floating(dtype)
        memo: dict[int, tuple[Array, Array]] = {}  # arrays that modules share stay shared

        def converted(array: Array) -> Array:
            if id(array) not in memo:
                with np.errstate(over="ignore"):
                    memo[id(array)] = array, array.astype(kind, copy=False)
            return memo[id(array)][1]

        for module in self.modules():
            module._convert(kind, converted)
        return self

    def half(self) -> Self:
        """Convert to float16; see `to`."""
        return self.to(np.float16)

    def bfloat16(self) -> Self:
        """Convert to bfloat16, of the package ml_dtypes; see `to`."""
        return self.to(named_dtype("bfloat16"))

    def float(self) -> Self:
        """Convert to float32; see `to`."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64; see `to`."""
        return self.to(np.float64)

    def cpu(self) -> Self:
        """Return self, as everything is on the CPU."""
        return self

    # ---- state ----

    def state_dict(self, prefix: str = "") -> dict[str, Array]:
        """Return all parameters and buffers by dotted name.

        The arrays are references, as in torch: writing to one changes the layer, and ``numpy.savez(path, **state)``
        saves them.
        """
        state: dict[str, Array] = {}
        for path, module in self.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
            module._touch()
            for table in (module._parameters, module._buffers):
                for name, array in table.items():
                    if array is not None:
                        state[f"{path}.{name}" if path else name] = array
        return state

    def _before_load(self, state: Mapping[str, Any], prefix: str) -> None:
        """Prepare for arrays under these names: a lazy layer learns its size from them."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy arrays by dotted name into the parameters and buffers.

        Everything is checked before anything is written, so that a failed load changes nothing. The arrays that the
        module holds are written to in place, where they are writable; values are cast to their dtype.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            From `state_dict`, from ``numpy.load("weights.npz")``, or a `torch` module's own state_dict.
        strict : bool
            Names missing or unexpected are an error; otherwise they are returned.

        Raises
        ------
        ValueError
            Shapes that differ or, if `strict`, names that do.
        TypeError
            Values that cannot be cast, say complex to real.

        Examples
        --------
        >>> from pyconv import nn
        >>> a, b = nn.Linear(3, 2), nn.Linear(3, 2)
        >>> a.load_state_dict(b.state_dict())
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> a.load_state_dict({"weight": b.weight[:, :2]}, strict=False)
        Traceback (most recent call last):
            ...
        ValueError: Linear.load_state_dict: 'weight' has shape (2, 2), the module's is (2, 3)
        """
        for path, module in self.named_modules(remove_duplicate=False):
            module._before_load(state_dict, f"{path}." if path else "")
        slots = {
            f"{path}.{name}" if path else name: (module, table, name)
            for path, module in self.named_modules(remove_duplicate=False)
            for table in (module._parameters, module._buffers)
            for name, array in table.items()
            if array is not None
        }
        missing = [name for name in slots if name not in state_dict]
        unexpected = [name for name in state_dict if name not in slots]
        errors: list[str] = []
        if strict and missing:
            errors.append(f"missing {missing}")
        if strict and unexpected:
            errors.append(f"unexpected {unexpected}")
        values: dict[str, Array] = {}
        for name, (_, table, own) in slots.items():
            if name in state_dict:
                current, value = table[own], as_array(f"{type(self).__name__}.load_state_dict", state_dict[name])
                assert current is not None
                if value.dtype == "V2" and current.dtype.name == "bfloat16":
                    value = value.view(current.dtype)  # numpy.load knows no better name
                if value.shape != current.shape:
                    errors.append(f"{name!r} has shape {value.shape}, the module's is {current.shape}")
                elif not np.can_cast(value.dtype, current.dtype, "same_kind"):
                    own_name = type(self).__name__
                    raise TypeError(f"{own_name}.load_state_dict: {name!r} is {value.dtype}, not {current.dtype}")
                values[name] = value
        if errors:
            raise ValueError(f"{type(self).__name__}.load_state_dict: " + "; ".join(errors))
        for name, value in values.items():
            module, table, own = slots[name]
            current = table[own]
            assert current is not None
            module.__dict__["_packed"] = None
            with np.errstate(over="ignore"):
                if current.flags.writeable:
                    np.copyto(current, value, casting="same_kind")
                else:
                    table[own] = value.astype(current.dtype)
        return IncompatibleKeys(missing, unexpected)

    def __getstate__(self) -> dict[str, Any]:
        # Packed weights are a cache of this object: a copy or a pickle makes its own. Tables of its own, too, so that a
        # shallow copy shows as another holder of the arrays; one that is written to and let go before the next call
        # shows by the touch.
        self._touch()
        tables = {name: dict(self.__dict__[name]) for name in ("_parameters", "_buffers", "_modules")}
        return {**self.__dict__, **tables, "_packed": None}

    # ---- printed form ----

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of the printed form; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {_indent(repr(module))}" for name, module in self._modules.items()]
        extra = self.extra_repr().splitlines()
        if len(extra) <= 1 and not children:
            return f"{type(self).__name__}({''.join(extra)})"
        return f"{type(self).__name__}(\n  " + "\n  ".join(extra + children) + "\n)"
