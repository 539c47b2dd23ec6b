"""Dropout."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from .checks import check_array
from .halves import half_floats

if TYPE_CHECKING:
    from ..._types import Array, Generator


@interchangeable
@half_floats()
def dropout(
    input: Array,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | int | None = None,
) -> Array:
    """Zero each element with probability `p` and divide the others by ``1 - p``, as `torch.nn.functional.dropout`.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15, 2014.

    Parameters
    ----------
    input : ndarray, any shape, floats
    p : float, 0 to 1
    training : bool
        If False, the result is `input` itself.
    inplace : bool
        Write into `input`, and return it.
    generator : numpy.random.Generator or int, optional
        Draws the elements, or seeds what does; by default the operating system does.

    Raises
    ------
    ValueError
        A `p` out of range; with `inplace`, an array that is read-only.
    TypeError
        Element types that are no floats.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = F.dropout(np.ones(1000), 0.25, generator=np.random.default_rng(0))
    >>> np.unique(x).round(4)
    array([0.    , 1.3333])
    """
    check_array("dropout", "input", input, floats=True)
    if not isinstance(p, Real):
        raise TypeError(f"dropout: p must be a number, not {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    if inplace and not input.flags.writeable:
        raise ValueError("dropout: input is not writeable, so inplace=True cannot change it")
    import numpy.random  # NumPy loads it at first use, and so does this

    kind = input.dtype.type
    keep = numpy.random.default_rng(generator).random(input.shape) >= p
    factors = np.where(keep, kind(1 / (1 - p)) if p < 1 else kind(0), kind(0)).astype(input.dtype, copy=False)
    with np.errstate(all="ignore"):
        return np.asarray(np.multiply(input, factors, out=input if inplace else None))
