"""Half floats for operators that compute floats: widened to float32 on the way in, rounded once on the way out.

An operator raises TypeError for them, as for any array that it does not take, before it changes anything; only then is
looked at what it was given. So a call with floats costs no more than before.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from ... import _interop
from ..._interop import is_foreign
from ..._native import convert
from .stored import dense, floats_of, magnitude_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._types import Array

Function = TypeVar("Function", bound="Callable[..., Any]")


def is_half(value: object) -> bool:
    """Whether it is an ndarray of float16 or bfloat16, in native byte order."""
    return isinstance(value, np.ndarray) and magnitude_of(value.dtype) == 0 and value.dtype.isnative


@cache
def _signature_of(function: Callable[..., Any]) -> Any:
    from inspect import signature  # not on the way of `import pyconv`

    return signature(function)


def as_floats(value: Any) -> Any:
    """Return an array of float32 with whatever in it, in memory as half floats are; anything else as it is."""
    return np.empty_like(value, dtype=np.float32) if is_half(value) else value


def explained_as_floats(explain: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return what describes calls with half floats by those with float32."""

    def described(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return explain(*map(as_floats, args), **{name: as_floats(value) for name, value in kwargs.items()})

    return described


def _through_floats(
    function: Callable[..., Any], arguments: dict[str, Any], parameters: tuple[str, ...], updates: tuple[str, ...]
) -> Any:
    """Call with half floats as float32; `input` says which ones."""
    kind = arguments["input"].dtype
    wide: dict[str, Array] = {}
    for name, value in arguments.items():
        if not isinstance(value, np.ndarray) or (value.dtype.kind not in "fV" and name != "out"):
            continue
        if value.dtype != kind:
            if name not in parameters or value.dtype != np.float32:
                raise TypeError(
                    f"{function.__name__}: {name} is {value.dtype} but input is {kind}; they must have the same dtype"
                )
            continue
        wide[name] = floats_of(value)
        if not value.flags.writeable:  # nor is what stands in its place; a large array can't be unlocked again
            wide[name].flags.writeable = False

    def written(name: str) -> Array:
        """Return what the caller gave, with what stands in its place by now."""
        given: Array = arguments[name]
        if given.flags.writeable and (name != "input" or arguments.get("inplace", False)):
            given[...] = convert(wide[name], kind, False)
        return given

    # Nothing here may call itself: a function that holds itself holds `wide`, too, until it is collected as garbage.
    def returned(value: Any) -> Any:
        for name, array in wide.items():
            if value is array:
                return written(name)
        if not isinstance(value, (np.ndarray, np.floating)) or value.dtype != np.float32:
            return value
        return convert(dense(np.asarray(value)), kind, False)

    found = function(**{**arguments, **wide})
    result = tuple(map(returned, found)) if isinstance(found, tuple) else returned(found)
    for name in updates:
        if name in wide:
            written(name)
    return result


def half_floats(parameters: tuple[str, ...] = (), updates: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Decorate an operator on `input` so that it takes half floats.

    Those that it is given have to be of one type, but for `parameters`, which may be float32. What it writes into is
    `out`, its input with ``inplace``, and `updates`.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except TypeError:
                if not is_half(kwargs.get("input", args[0] if args else None)):
                    raise
                if any(map(is_foreign, (*args, *kwargs.values()))):
                    raise  # it comes back with views of them
            return _through_floats(
                function, _signature_of(function).bind(*args, **kwargs).arguments, parameters, updates
            )

        return cast("Function", call)

    return decorate


def again(error: TypeError, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call an operator again that raised `error`, as `_interop.again`, or with half floats as float32."""
    given = _interop.given_by(arguments, error)
    if not is_half(given["input"]) or any(map(is_foreign, given.values())):
        return _interop.again(error, function, given)
    return _through_floats(function, given, (), ())
