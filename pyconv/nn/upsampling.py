"""Resampling and the shuffling of pixels as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import functional as F
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import Array


class Upsample(Module):
    """Resample to `size` or by `scale_factor`, as `torch.nn.Upsample`; see `functional.interpolate`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Upsample(scale_factor=2), nn.Upsample((8, 8), mode="bilinear")
    (Upsample(scale_factor=2.0, mode='nearest'), Upsample(size=(8, 8), mode='bilinear'))
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor: Any = scale_factor
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor = tuple(map(float, scale_factor))
        elif scale_factor:
            self.scale_factor = float(scale_factor)  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Array) -> Array:
        """Return the resampled array."""
        places = self.align_corners, self.recompute_scale_factor
        return F.interpolate(input, self.size, self.scale_factor, self.mode, *places)

    def extra_repr(self) -> str:
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Turn channels into pixels; see `functional.pixel_shuffle`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.PixelShuffle(2)
    PixelShuffle(upscale_factor=2)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Array) -> Array:
        """Return the shuffled array."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn pixels into channels; see `functional.pixel_unshuffle`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.PixelUnshuffle(2)
    PixelUnshuffle(downscale_factor=2)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Array) -> Array:
        """Return the shuffled array."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
