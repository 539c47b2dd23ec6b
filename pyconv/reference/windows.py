"""Where the windows of a pooling stand, for one to three axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .arguments import extent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


class Axis(NamedTuple):
    """Where element `tap` of window `o` stands, [o, tap], clipped into the image; whether it lies inside the image, and
    whether inside the image or its padding."""

    place: Array
    inside: Array
    padded: Array


def spread(images: Array, index: tuple[Any, ...]) -> Array:
    """Index the spatial axes of (N, C, *spatial): a view, if `index` has integers and slices."""
    place = (Ellipsis, *index)
    found: Array = images[place]
    return found


def every(flags: list[Array]) -> Array:
    """Combine flags of each axis to flags of each place: whether all hold."""
    result = np.ones((1,) * len(flags), dtype=bool)
    for axis, flag in enumerate(flags):
        result = result & flag.reshape([-1 if i == axis else 1 for i in range(len(flags))])
    return result


def axes(
    rank: int,
    shape: tuple[int, ...],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    ceil_mode: bool,
) -> list[Axis]:
    """Check the arguments of a pooling over (N, C, *spatial), and lay its windows out."""
    if min(shape[1:]) < 1:
        raise ValueError(f"only the batch may be empty: input {shape}")
    kernel = extent("kernel_size", kernel_size, rank, 1)
    steps = kernel if stride is None or np.size(stride) == 0 else extent("stride", stride, rank, 1)
    laid_out = []
    for n, k, s, p, d in zip(
        shape[2:],
        kernel,
        steps,
        extent("padding", padding, rank, 0),
        extent("dilation", dilation, rank, 1),
        strict=True,
    ):
        reach = d * (k - 1) + 1
        if p > reach // 2:
            raise ValueError(f"padding {padding} is more than half of the window {kernel_size}, dilation {dilation}")
        room = n + 2 * p - reach
        size = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (size - 1) * s >= n + p:
            size -= 1  # the last window would start in the padding on the right
        if size < 1:
            raise ValueError(f"kernel_size {kernel_size}, dilation {dilation}, is larger than the padded input {shape}")
        place = np.arange(size)[:, None] * s - p + np.arange(k) * d
        laid_out.append(Axis(place.clip(0, n - 1), (place >= 0) & (place < n), place < n + p))
    return laid_out
