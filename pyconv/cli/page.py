"""A white page on which things are placed by pixel, from the top left: images, kernels with their numbers, text.

Placing by pixel keeps the demo's promise that pictures in one row are to scale: an array drawn at scale 3 covers
exactly 3 x 3 page pixels for each of its elements.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, Transform

Pixels = npt.NDArray[Any]

DPI = 200
INK = "#1b1f24"
SOFT = "#5b6570"
RULE = "#c9d1d9"
ACCENT = "#0b5cad"
LINE = 1.38  # from baseline to baseline, in font sizes


class Page:
    """A figure of width x height pixels; every coordinate below is in pixels, y growing downwards."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add bare axes: no ticks, a thin frame."""
        axes = self.figure.add_axes(
            (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        )
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(linewidth=0.5, color=SOFT)
        return axes

    def image(self, pixels: Pixels, x: float, y: float, width: float, height: float, smooth: bool = False) -> None:
        """Draw (h, w) greys or (h, w, 3) colours, 0 to 1, over a rectangle; each pixel a square unless `smooth`."""
        axes = self.axes(x, y, width, height)
        axes.imshow(
            np.clip(pixels, 0, 1),
            cmap="gray",
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="lanczos" if smooth else "nearest",
        )

    def kernel(
        self, weights: Pixels, x: float, y: float, side: float, labels: Sequence[Sequence[str]] | None = None
    ) -> None:
        """Draw a matrix of weights as a grid: orange above zero, blue below, with `labels` written into the cells."""
        axes = self.axes(x, y, side, side * weights.shape[0] / weights.shape[1])
        # Numbers stay readable on pale colours only.
        most = float(np.abs(weights).max()) * (2.2 if labels else 1.5) or 1.0
        axes.imshow(weights, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
        rows, columns = weights.shape
        if columns <= 9:
            for i in range(1, columns):
                axes.axvline(i - 0.5, color="white", linewidth=0.6)
            for i in range(1, rows):
                axes.axhline(i - 0.5, color="white", linewidth=0.6)
        size = 0.42 * side / columns
        for row, texts in enumerate(labels or []):
            for column, text in enumerate(texts):
                axes.text(column, row, text, ha="center", va="center_baseline", fontsize=_points(size), color=INK)

    def text(self, x: float, y: float, text: str, size: float, color: str = INK, **style: Any) -> None:
        """Write lines of text from (x, y) downwards; `size` is the height of the font in pixels.

        Lines are placed by their baselines, so that neighbours stand level whatever letters they hold.
        """
        # parse_math: a dollar sign in a file's name is a dollar sign.
        style = {"va": "baseline", "parse_math": False, **style}
        for i, line in enumerate(text.split("\n")):
            baseline = y + size * (0.95 + LINE * i)
            self.figure.text(
                x / self.width, 1 - baseline / self.height, line, fontsize=_points(size), color=color, **style
            )

    def fill(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Draw a filled rectangle."""
        self._patch(Rectangle((x, self.height - y - height), width, height, color=color, linewidth=0))

    def rule(self, x: float, y: float, length: float, color: str = RULE, thick: float = 2) -> None:
        """Draw a horizontal line."""
        self.fill(x, y, length, thick, color)

    def outline(
        self, x: float, y: float, width: float, height: float, color: str = ACCENT, dashed: bool = True
    ) -> None:
        """Draw a rectangle's border."""
        style = (0, (4, 3)) if dashed else "solid"
        corner = (x, self.height - y - height)
        self._patch(Rectangle(corner, width, height, fill=False, edgecolor=color, linewidth=0.9, linestyle=style))

    def save(self, path: Path) -> None:
        """Write the page in the format of the path's suffix."""
        with warnings.catch_warnings():
            # A letter that the font lacks, in a file's name, is drawn as a box; that is no news for stderr.
            warnings.filterwarnings("ignore", message="Glyph")
            self.figure.savefig(path, dpi=DPI, facecolor="white")

    def _patch(self, patch: Rectangle) -> None:
        patch.set_transform(_from_pixels(self.figure))
        self.figure.add_artist(patch)


def formats() -> set[str]:
    """Return the suffixes that `Page.save` can write, of those that one would look at."""
    return {"jpeg", "jpg", "pdf", "png", "svg", "tif", "tiff", "webp"} & set(FigureCanvasAgg.get_supported_filetypes())


def _points(pixels: float) -> float:
    return pixels * 72 / DPI


def _from_pixels(figure: Figure) -> Transform:
    """Return the transform of page pixels, y growing upwards, that holds whatever resolution the page is saved at."""
    return Affine2D().scale(1 / DPI) + figure.dpi_scale_trans
