"""How pyconv runs: the instruction set, the threads, the precision, and what was chosen for a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import _native
from ._native import algorithms, available_isas, cached_bytes, compiler, get_cache_limit, get_num_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ._types import Precision

__all__ = [
    "Explanation",
    "algorithms",
    "available_isas",
    "cached_bytes",
    "compiler",
    "explain",
    "get_cache_limit",
    "get_num_threads",
    "get_precision",
    "isa",
    "set_cache_limit",
    "set_isa",
    "set_num_threads",
    "set_precision",
    "threads",
]

Function = TypeVar("Function", bound="Callable[..., Any]")


def isa() -> str:
    """Name the instruction set in use: ``"avx512"``, ``"avx2"``, ``"neon"`` or ``"scalar"``.

    It is the best one that this CPU and operating system run, unless the environment variable ``PYCONV_ISA`` or
    `set_isa` names another. Results do not depend on it, to the last bit.

    Examples
    --------
    >>> import pyconv
    >>> pyconv.isa() in pyconv.available_isas()
    True
    """
    return _native.get_isa()


def set_isa(name: str | None) -> None:
    """Use the instruction set `name` from now on, in the whole process; None returns to the default.

    Raises
    ------
    ValueError
        If `name` is unknown, or this CPU or this build lacks it. There is no quiet fallback.
    """
    _native.set_isa(name)


def set_num_threads(n: int) -> None:
    """Use up to `n` threads a call, in the whole process.

    Until this is called it is ``OMP_NUM_THREADS``, or else the number of CPUs in the process's affinity mask. Small
    problems use fewer threads. Results do not depend on the number.

    Raises
    ------
    ValueError
        If `n` is less than 1.
    """
    _native.set_num_threads(n)


def get_precision() -> Precision:
    """Name the precision in use, ``"fast"`` or ``"strict"``; see `set_precision`.

    Examples
    --------
    >>> import pyconv
    >>> pyconv.get_precision() in ("fast", "strict")
    True
    """
    return _native.get_precision()  # type: ignore[return-value]


def set_precision(name: Precision | None) -> None:
    """Compute convolutions in this precision from now on, in the whole process; None returns to the default, "fast".

    ``"strict"``: each output is one chain of fused multiply-adds, in the order that `functional.conv2d` states.

    ``"fast"``: some layers may be computed by Winograd's algorithm instead: of stride 1 those of 3x3 and 5x5, dilated
    or not, and those whose kernel is a single row or column of 3 to 31 taps; of stride 2 those of 3x3. That takes up to
    four times fewer multiplications (2.8 times for 5x5, 1.6 to 2 times for a row, 1.8 times at stride 2). The root mean
    square of its error is at most twice that of the chain on data of both signs (1.8 times for 64 channels of 3x3, less
    elsewhere), up to 2.4 times after a ReLU, and about that of the chain at stride 2; an infinity or NaN in the input
    reaches every output of the tiles, of up to 4x4, that read it. Depthwise kernels that are a column times a row to
    the last bit are computed as the two where that pays, which errs less than the chain. Other large kernels on one
    input channel a group, from some 11x11 or 100 taps in a line on, run as fast Fourier transforms of tiles, of at most
    256x128 pixels or 2048 in a line. Their error is half to one and a half times that of the chain where numbers are of
    like size; it is small against the largest numbers of a tile, so that dark pixels beside very bright ones lose more.
    Tiles that hold an infinity or NaN are computed as in strict mode, and so is every other layer. And a `Sequential`
    in eval mode folds a batch norm into the convolution before it, which rounds otherwise than the two.

    In either, results are the same, bit for bit, on every instruction set, for any number of threads and in any batch.
    A call, or a layer, may ask for a precision of its own by the argument ``precision``.

    Raises
    ------
    ValueError
        If `name` is unknown.

    Examples
    --------
    >>> import pyconv
    >>> pyconv.set_precision("strict")
    >>> pyconv.get_precision()
    'strict'
    >>> pyconv.set_precision(None)
    >>> pyconv.get_precision()
    'fast'
    """
    _native.set_precision(name)


def set_cache_limit(n: int) -> None:
    """Keep at most `n` bytes of released memory for the next calls, 64 MiB until this is called; 0 keeps none.

    Fresh memory costs a page fault for every 4 KiB that is written, which for a large result takes as long as
    computing it. Results of 128 KiB and more, packed weights and workspaces therefore go back to a store of at most
    32 blocks when Python releases them, and the next call takes them from there. What exceeds the limit is given back
    to the system at once.

    Raises
    ------
    ValueError
        If `n` is negative.

    Examples
    --------
    >>> import pyconv
    >>> pyconv.cached_bytes() <= pyconv.get_cache_limit()
    True
    """
    if n < 0:
        raise ValueError(f"set_cache_limit: n must not be negative, got {n}")
    _native.set_cache_limit(n)


class threads:
    """Use up to `n` threads a call inside a block ``with pyconv.threads(n):``, in the calling thread only.

    Blocks nest. Other Python threads keep the process-wide number.

    Raises
    ------
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> import pyconv
    >>> with pyconv.threads(1):
    ...     pyconv.get_num_threads()
    1
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"threads: n must be at least 1, got {n}")
        self._n = n
        self._outer: list[int] = []

    def __enter__(self) -> None:
        self._outer.append(_native.get_num_threads_local())
        _native.set_num_threads_local(self._n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _native.set_num_threads_local(self._outer.pop())


class Explanation(NamedTuple):
    """What pyconv chose for one call; `print` shows it in words.

    Attributes
    ----------
    algorithm : str
        The algorithm that runs.
    tile : str
        Its register tile, in words.
    isa : str
        The instruction set.
    threads : int
        Threads that the call uses; small problems use fewer than they may.
    workspace_bytes, workspace_bytes_per_thread : int
        Scratch memory, for all threads together and for each.
    packed_bytes : int
        Size of the weights in the algorithm's own order; 0 where nothing is packed.
    flops : int
        Floating-point operations of the direct algorithm: 2 x outputs x taps.
    refused : dict of str to str
        For each algorithm that does not run, the reason.
    """

    algorithm: str
    tile: str
    isa: str
    threads: int
    workspace_bytes: int
    workspace_bytes_per_thread: int
    packed_bytes: int
    flops: int
    refused: dict[str, str]

    def __str__(self) -> str:
        rows = [
            ("algorithm", self.algorithm),
            ("tile", self.tile),
            ("isa", self.isa),
            ("threads", str(self.threads)),
            ("workspace", f"{self.workspace_bytes:,} bytes ({self.workspace_bytes_per_thread:,} a thread)"),
            ("packed weights", f"{self.packed_bytes:,} bytes"),
            ("flops", f"{self.flops:,}"),
        ]
        rows += [(f"not {name}", reason) for name, reason in self.refused.items()]
        width = max(len(key) for key, _ in rows)
        return "\n".join(f"{key:<{width}}  {value}" for key, value in rows)


def explained_by(explainer: Callable[..., dict[str, Any]]) -> Callable[[Function], Function]:
    """Decorate an operator with the function that describes its calls for `explain`; calling it costs no more."""

    def mark(function: Function) -> Function:
        function.__dict__["_explain"] = explainer
        return function

    return mark


def explanation(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Describe a call of an operator that `explained_by` marked."""
    return function.__dict__["_explain"](*args, **kwargs)  # type: ignore[no-any-return]


def explain(target: object, *args: Any, **kwargs: Any) -> Explanation | list[Explanation]:
    """Say how a call would be computed, without computing it.

    Parameters
    ----------
    target : function or Module
        `F.conv2d`, `F.linear` or a pooling; a `Conv2d`, `Linear` or pooling layer, or a `Sequential`.
    *args, **kwargs
        What one would call `target` with.

    Returns
    -------
    Explanation or list of Explanation
        For a `Sequential`, one for each of these layers in it, in order; what is computed together with a layer changes
        nothing in it. (The layers do run, because the next layer's input has to come from
        somewhere, and leave their buffers as they were.)

    Raises
    ------
    TypeError
        If `target` is anything else.
    ValueError, TypeError
        What the call itself would raise.

    Examples
    --------
    >>> import numpy as np, pyconv, pyconv.nn.functional as F
    >>> x, w = np.ones((1, 3, 8, 8), dtype=np.float32), np.ones((5, 3, 3, 3), dtype=np.float32)
    >>> pyconv.explain(F.conv2d, x, w, padding=1).flops
    17280
    """
    explainer = getattr(target, "_explain", None)  # operators and layers that know have one
    if explainer is None:
        name = getattr(target, "__name__", type(target).__name__)
        raise TypeError(
            "explain() knows F.conv2d, F.filter2d_separable, F.linear, the poolings but fractional_max_pool and "
            f"max_unpool, the layers that compute these, and Sequential; got {name}"
        )
    found = explainer(*args, **kwargs)
    if isinstance(found, list):
        return [Explanation(**entry) for entry in found]
    return Explanation(**found)
