"""Arrays of other libraries: operators and layers take them in place, and give back the same kind.

What has ``__dlpack__`` (tensors of torch, arrays of jax, ...) or ``__array__``, and lies in this machine's memory, is
viewed as an ndarray without a copy; results are handed to the library's own ``from_dlpack``, without a copy either. No
library is imported for it: an object of one has loaded it already. Of torch's bfloat16, which NumPy lacks, the bits are
exchanged; on our side it is that of ml_dtypes.
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
_NATIVE = (np.ndarray, np.generic, int, float, str, tuple, list, type(None), type)  # and bool, an int
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 13: "CUDA (managed)", 14: "oneAPI"}


def named_dtype(value: Any) -> np.dtype[Any]:
    """Return the dtype that one of another library, such as torch.float64, or anything that NumPy takes stands for."""
    if isinstance(value, np.dtype):
        return value
    name = str(value).rpartition(".")[2] if type(value).__name__ == "dtype" else value
    if isinstance(name, str) and name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise TypeError("bfloat16 is not among NumPy's types: it needs the package ml_dtypes") from None
        name = ml_dtypes.bfloat16
    found: np.dtype[Any] = np.dtype(name)
    return found


def _bits_of(value: Any) -> Any:
    """Return a tensor of torch's bfloat16 as one of int16; None for anything else."""
    if str(getattr(value, "dtype", None)) != "torch.bfloat16":
        return None
    return value.view(sys.modules["torch"].int16)


def is_foreign(value: object) -> bool:
    """Whether it is an array of another library. NumPy's own numbers have ``__array__``, and are none."""
    kind = type(value)
    return not isinstance(value, _NATIVE) and (hasattr(kind, "__dlpack__") or hasattr(kind, "__array__"))


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
        bits = None if device else _bits_of(value)
        if bits is not None:
            return np.asarray(bits).view(named_dtype(value.dtype))
        if device is None:
            # Torch's and others' __array__ gives a writable view where DLPack, in older releases of NumPy, gives none.
            return np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an ndarray: {error}") from error
    raise TypeError(f"{name} is on device {device}; copy it to the CPU first")


def as_array(function: str, value: Any) -> Any:
    """Return an ndarray of a foreign array, without a copy, or of whatever NumPy makes one of."""
    return _view(function, value) if is_foreign(value) else np.asarray(value)


def _exporter(value: Any) -> Callable[[Any], Any] | None:
    """The function that makes an ndarray into an array of the library of `value`; None if it has none."""
    if hasattr(value, "__array_namespace__"):
        return cast("Callable[[Any], Any]", value.__array_namespace__().from_dlpack)
    library: Any = sys.modules.get(type(value).__module__.partition(".")[0])
    export = getattr(library, "from_dlpack", None)
    if library is None or getattr(library, "__name__", "") != "torch":
        return cast("Callable[[Any], Any] | None", export)

    def to_torch(array: Any) -> Any:
        if array.dtype.name != "bfloat16":
            return library.from_dlpack(array)
        return library.from_dlpack(array.view(np.int16)).view(library.bfloat16)

    return to_torch


def exchange(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call with every array of another library viewed as an ndarray; the result is of the kind of the first of them."""
    name = getattr(function, "__qualname__", type(function).__name__).removesuffix(".forward")
    foreign: list[tuple[Any, Any]] = []

    def viewed(value: Any) -> Any:
        if type(value).__name__ == "dtype":  # torch.float64 as an argument
            return named_dtype(value)
        if not is_foreign(value):
            return value
        foreign.append((value, _view(name, value)))
        return foreign[-1][1]

    args, kwargs = tuple(map(viewed, args)), {key: viewed(value) for key, value in kwargs.items()}
    # torch takes tensors of no axes where it wants numbers, too. What comes first, or has axes, is none.
    numbers = [view for _, view in foreign if view.ndim == 0 and view is not (*args, *kwargs.values())[0]]
    arrays = [value for value, view in foreign if not any(view is number for number in numbers)]

    def plain(value: Any) -> Any:
        return value.item() if any(value is number for number in numbers) else value

    try:
        result = function(*args, **kwargs)
    except TypeError:
        if not numbers:
            raise
        result = function(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()})
    export = _exporter(arrays[0]) if arrays else None

    # It may not call itself: a function that holds itself holds the arrays, too, until it is collected as garbage.
    def returned(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        for original, view in foreign:
            if value is view:
                return original  # what was written in place, or into `out`
        return value if export is None else export(value)

    return tuple(map(returned, result)) if isinstance(result, tuple) else returned(result)


def given_by(arguments: dict[str, Any], error: TypeError) -> dict[str, Any]:
    """Take the arguments out of a frame's ``locals()``, whose dict would hold the error that holds the frame."""
    given = {name: value for name, value in arguments.items() if value is not error}
    arguments.clear()
    return given


def again(error: TypeError, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call an operator again that raised `error`, by its arguments' names; raise that if none is a foreign array.

    For operators that are called for little work: a decorator's own call would cost them 0.15 us and more, a ``try``
    around what they do costs nothing.
    """
    given = given_by(arguments, error)
    if not any(map(is_foreign, given.values())):
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
        except (TypeError, RuntimeError):  # the second is a tensor's own, asked for a truth value
            if not any(map(is_foreign, args)) and not any(map(is_foreign, kwargs.values())):
                raise
        return exchange(function, args, kwargs)

    return cast("Function", call)


def array_like(function: Function) -> Function:
    """Decorate a function of whatever NumPy makes an array of, lists too, so that it gives back another library's."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(is_foreign, args)) or any(map(is_foreign, kwargs.values())):
            return exchange(function, args, kwargs)
        return function(*args, **kwargs)

    return cast("Function", call)
