"""Arrays of other libraries: operators and layers take them in place, and give back the same kind.

What has ``__dlpack__`` (tensors of torch, arrays of jax, ...) or ``__array__``, and lies in this machine's memory, is
viewed as an ndarray without a copy; results are handed to the library's own ``from_dlpack``, without a copy either. No
library is imported for it: an object of one has loaded it already.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

# Numbers of DLPack's DLDeviceType. The second is memory of this machine that a GPU may read, too.
_HOST = (1, 3)
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 13: "CUDA (managed)", 14: "oneAPI"}


def _is_foreign(value: object) -> bool:
    """Whether it is an array of another library. NumPy's own numbers have ``__array__``, and are none."""
    kind = type(value)
    return not isinstance(value, (np.ndarray, np.generic, type)) and (
        hasattr(kind, "__dlpack__") or hasattr(kind, "__array__")
    )


def _device(value: Any) -> str | None:
    """Name the device whose memory an array lies in, if this is not the CPU's."""
    if hasattr(value, "__dlpack_device__"):
        kind, number = value.__dlpack_device__()
        if kind not in _HOST:
            return f"{_DEVICES.get(int(kind), f'of DLPack type {int(kind)}')}:{number}"
    elif hasattr(value, "__cuda_array_interface__"):
        return "CUDA"
    return None


def _view(function: str, value: Any) -> Any:
    """View an array of another library as an ndarray."""
    name = f"{function}: a {type(value).__name__}"
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name} requires grad, and nothing is recorded for it here: pass its detach()")
    try:
        device = _device(value)
        if device is None:
            # Torch's and others' __array__ gives a writable view where DLPack, in older releases of NumPy, gives none.
            return np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an ndarray: {error}") from error
    raise TypeError(f"{name} is on device {device}; copy it to the CPU first")


def _exporter(value: Any) -> Callable[[Any], Any] | None:
    """The function that makes an ndarray into an array of the library of `value`; None if it has none."""
    if hasattr(value, "__array_namespace__"):
        return cast("Callable[[Any], Any]", value.__array_namespace__().from_dlpack)
    library = sys.modules.get(type(value).__module__.partition(".")[0])
    return getattr(library, "from_dlpack", None)


def exchange(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call with every array of another library viewed as an ndarray; the result is of the kind of the first of them."""
    name = getattr(function, "__qualname__", type(function).__name__).removesuffix(".forward")
    foreign: list[tuple[Any, Any]] = []

    def viewed(value: Any) -> Any:
        if type(value).__name__ == "dtype" and not isinstance(value, np.dtype):  # torch.float64 as an argument
            return np.dtype(str(value).rpartition(".")[2])
        if not _is_foreign(value):
            return value
        foreign.append((value, _view(name, value)))
        return foreign[-1][1]

    result = function(*map(viewed, args), **{key: viewed(value) for key, value in kwargs.items()})
    export = _exporter(foreign[0][0]) if foreign else None

    def returned(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(returned, value))
        if not isinstance(value, np.ndarray):
            return value
        for original, view in foreign:
            if value is view:
                return original  # what was written in place, or into `out`
        return value if export is None else export(value)

    return returned(result)


def again(error: TypeError, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call an operator again that raised `error`, by its arguments' names; raise that if none is a foreign array.

    For operators that are called for little work: a decorator's own call would cost them 0.15 us and more, a ``try``
    around what they do costs nothing.
    """
    given = {name: value for name, value in arguments.items() if value is not error}
    if not any(map(_is_foreign, given.values())):
        raise error
    return exchange(function, (), given)


def interchangeable(function: Function) -> Function:
    """Decorate an operator so that it takes arrays of other libraries.

    A call with ndarrays passes straight through. The operator must raise TypeError for anything else, before it changes
    anything: then arguments are looked at.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            if not any(map(_is_foreign, args)) and not any(map(_is_foreign, kwargs.values())):
                raise
        return exchange(function, args, kwargs)

    return cast("Function", call)
