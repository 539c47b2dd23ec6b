"""The demo's picture: one page, a section a topic, every image captioned with what, how and which shapes.

Images within the sections on arguments, pooling and five maps are to scale: one array element is always the same
number of page pixels there.
"""

# ruff: noqa: RUF001 - captions use the true signs for times and minus

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyconv.cli import kernels
from pyconv.cli.experiments import SMALL, TINY, Result
from pyconv.cli.page import ACCENT, INK, SOFT, Page, Pixels, formats
from pyconv.cli.photo import Photo
from pyconv.cli.table import shape

__all__ = ["draw", "formats", "save"]

Array = npt.NDArray[np.float32]

WIDTH, MARGIN, TOP = 2400, 70, 180
INNER = WIDTH - 2 * MARGIN
BODY, STRONG, HEADING, TITLE = 24, 28, 42, 66

# Page pixels for one element of the small photograph (among the arguments, and pooled) and of the tiny one.
SMALL_SCALE, POOL_SCALE, TINY_SCALE = 3, 4, 10
TAP = "#e08214"


def draw(results: Mapping[str, Result], photo: Photo, remark: str) -> Page:
    """Return the page for the results of `experiments.build(photo, size)`; `remark` goes below the title."""
    sections: Sequence[tuple[Callable[[_Sheet, float], None], int]] = (
        (_filters, 690),
        (_colour, 645),
        (_arguments, 520),
        (_pooling, 565),
        (_flipping, 660),
        (_five_maps, 710),
    )
    page = Page(WIDTH, TOP + sum(height for _, height in sections))
    sheet = _Sheet(page, results, photo)
    _title(sheet, remark)
    y: float = TOP
    for section, height in sections:
        section(sheet, y)
        y += height
    return page


def save(page: Page, path: Path) -> None:
    """Write the page to `path`. Raises OSError where that fails."""
    page.save(path)


class _Sheet:
    """A page, the results to draw on it, and the few ways in which all sections draw."""

    def __init__(self, page: Page, results: Mapping[str, Result], photo: Photo) -> None:
        self.page, self.results, self.photo = page, results, photo

    def heading(self, y: float, title: str, remark: str) -> None:
        self.page.rule(MARGIN, y, INNER)
        self.page.text(MARGIN, y + 16, title, HEADING, weight="bold")
        self.page.text(WIDTH - MARGIN, y + 27, remark, BODY, SOFT, ha="right")

    def caption(self, x: float, y: float, title: str, *lines: str) -> None:
        self.page.text(x, y, title, STRONG, weight="bold")
        self.page.text(x, y + 38, "\n".join(lines), BODY, SOFT)

    def detail(self, maps: Array) -> Array:
        """Cut the half of (c, h, w) around the photograph's focus."""
        height, width = maps.shape[-2] // 2, maps.shape[-1] // 2
        top = round(self.photo.focus[0] * maps.shape[-2] - height / 2)
        left = round(self.photo.focus[1] * maps.shape[-1] - width / 2)
        top, left = min(max(top, 0), height), min(max(left, 0), width)
        return maps[..., top : top + height, left : left + width]


def _title(sheet: _Sheet, remark: str) -> None:
    sheet.page.text(MARGIN, 40, "What a convolution does to a photograph", TITLE, weight="bold")
    sheet.page.text(MARGIN, 124, f"Photograph: {textwrap.shorten(sheet.photo.name, 60, placeholder='…')}", BODY, SOFT)
    furthest = max(result.difference for result in sheet.results.values())
    text = f"{remark} · largest difference from pyconv.reference: {furthest:.0e}"
    sheet.page.text(WIDTH - MARGIN, 124, text, BODY, SOFT, ha="right")


def _filters(sheet: _Sheet, y: float) -> None:
    photo = sheet.results["gaussian"].experiment.input
    shown = sheet.detail(photo)
    sheet.heading(
        y, "Filters", f"the grey photograph, padding keeps its size · shown: a detail of {_shape(shown[0])} pixels"
    )
    y += 90
    side, step = 432, 457
    sheet.page.image(shown[0], MARGIN, y, side, side, smooth=True)
    sheet.caption(MARGIN, y + side + 16, "The photograph", f"one channel\n{_shape(photo)}")
    for i, (key, what) in enumerate(
        (
            ("gaussian", "a bell, 15×15, σ = 2.5"),
            ("sharpen", "differences enlarged"),
            ("emboss", "lit from the upper left"),
            ("sobel", "gradient length"),
        ),
        start=1,
    ):
        result, x = sheet.results[key], MARGIN + i * step
        shown = result.output
        if key == "sobel":
            length = np.hypot(*shown)[None]
            shown = length / _strongest(length)
        sheet.page.image(sheet.detail(shown)[0], x, y, side, side, smooth=True)
        left = x
        for kernel in _weights(result)[:, 0]:
            sheet.page.kernel(kernel, left, y + side + 22, 92, _labels(kernel) if len(kernel) == 3 else None)
            left += 100
        sheet.caption(left + 6, y + side + 16, result.experiment.title, f"{what}\n→ {_shape(result.output)}")


def _colour(sheet: _Sheet, y: float) -> None:
    sheet.heading(
        y,
        "Two ways to see RGB",
        "the same 3×3 kernel for vertical edges (Sobel) on red, green and blue · shown: strength",
    )
    y += 136
    side, step = 356, 380.8
    summed, separate = sheet.results["summed"], sheet.results["separate"]
    # One scale for all, so that maps can be compared; the square root shows weak edges too.
    strongest = _strongest(separate.output)
    edges = np.sqrt(np.abs(separate.output) / strongest)
    edges_summed = np.sqrt(np.abs(summed.output[0]) / (3 * strongest))
    tints = np.array([[1, 0.25, 0.2], [0.3, 0.95, 0.35], [0.35, 0.55, 1]])
    photo = summed.experiment.input
    panels: list[tuple[Pixels, str, str]] = [
        (_rgb(photo), "The photograph", f"three channels\n{_shape(photo)}"),
        (edges_summed, "One map", f"red + green + blue edges\n→ {_shape(summed.output)}"),
        *(
            (
                edges[c][..., None] * tints[c],
                f"{name} map",
                f"{name.lower()} edges alone\n→ {_shape(separate.output)}, map {c + 1}",
            )
            for c, name in enumerate(("Red", "Green", "Blue"))
        ),
        (_rgb(edges), "Three maps as RGB", f"edges keep their colours\n→ {_shape(separate.output)}"),
    ]
    for i, (pixels, title, text) in enumerate(panels):
        x = MARGIN + i * step
        sheet.page.image(pixels, x, y, side, side, smooth=True)
        sheet.caption(x, y + side + 16, title, text)
    for first, last, text in (
        (1, 1, f"summed: weight {_shape(_weights(summed))}"),
        (2, 5, f"each channel by itself: groups = 3, weight {_shape(_weights(separate))}"),
    ):
        left = MARGIN + first * step
        sheet.page.text(left, y - 48, text, BODY, ACCENT)
        sheet.page.rule(left, y - 12, (last - first) * step + side, ACCENT, 3)


def _arguments(sheet: _Sheet, y: float) -> None:
    sheet.heading(
        y,
        "Stride, padding, dilation",
        "to scale · 7×7 mean; orange: its weights, blue: the next window · size ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1",
    )
    y += 106
    side, step = SMALL * SMALL_SCALE, 288
    photo = sheet.results["plain"].experiment.input
    sheet.page.image(_rgb(photo), MARGIN, y, side, side)
    sheet.caption(MARGIN, y + side + 26, "The photograph", f"{_shape(photo)}\ndashed: its outline")
    for i, key in enumerate(("plain", "same", "full", "stride2", "stride4", "dilation2", "dilation3"), start=1):
        result, x = sheet.results[key], MARGIN + i * step
        drawn = result.output.shape[-1] * SMALL_SCALE
        inset = (side - drawn) / 2
        sheet.page.image(_rgb(result.output), x + inset, y + inset, drawn, drawn)
        sheet.page.outline(x, y, side, side)
        sheet.caption(x, y + side + 26, result.experiment.title, f"→ {_shape(result.output)}\n{_arithmetic(result)}")
        _window(sheet, result, x + side, y + side + 34)


def _window(sheet: _Sheet, result: Result, right: float, y: float) -> None:
    """Draw to scale where the weights of one output fall, and the outline of the next output's window."""
    stride, dilation = (result.experiment.options.get(name, 1) for name in ("stride", "dilation"))
    taps = _weights(result).shape[-1]
    reach = (dilation * (taps - 1) + 1) * SMALL_SCALE
    left = right - reach - 4 * SMALL_SCALE
    for row in range(taps):
        for column in range(taps):
            place = (left + column * dilation * SMALL_SCALE, y + row * dilation * SMALL_SCALE)
            sheet.page.fill(*place, SMALL_SCALE, SMALL_SCALE, TAP)
    sheet.page.outline(left + stride * SMALL_SCALE, y, reach, reach, ACCENT, dashed=False)


def _pooling(sheet: _Sheet, y: float) -> None:
    sheet.heading(y, "Max pooling", "each window leaves its largest value · to scale, and enlarged beside it")
    y += 100
    pooled = sheet.results["pool2"]
    photo = pooled.experiment.input
    side, cell, gap = SMALL * POOL_SCALE, 50, 43
    top, left = (round(focus * SMALL / 2) * 2 for focus in sheet.photo.focus)
    patch = photo[0, top : top + 6, left : left + 6]
    largest = pooled.output[0, top // 2 : top // 2 + 3, left // 2 : left // 2 + 3]
    _numbers(sheet, patch, MARGIN, y, cell)
    for row in range(3):
        for column in range(3):
            sheet.page.outline(MARGIN + column * 2 * cell, y + row * 2 * cell, 2 * cell, 2 * cell, dashed=False)
    sheet.page.text(MARGIN + 6 * cell + 18, y + 3 * cell - 22, "→", 36, ACCENT, ha="center")
    _numbers(sheet, largest, MARGIN + 6 * cell + 36, y + 1.5 * cell, cell)
    sheet.caption(MARGIN, y + side + 16, "In numbers", "red values of a patch, 0 to 255\n6×6 → 3×3")
    x: float = MARGIN + 9 * cell + 36 + gap
    sheet.page.image(_rgb(photo), x, y, side, side)
    sheet.page.outline(
        x + left * POOL_SCALE, y + top * POOL_SCALE, 6 * POOL_SCALE, 6 * POOL_SCALE, "white", dashed=False
    )
    sheet.caption(x, y + side + 16, "The photograph", f"{_shape(photo)}\nframed: the patch")
    x += side + gap
    for key in ("pool2", "pool4", "pool8"):
        result = sheet.results[key]
        drawn = result.output.shape[-1] * POOL_SCALE
        sheet.page.image(_rgb(result.output), x, y, drawn, drawn)
        sheet.page.image(_rgb(result.output), x + drawn + 14, y, side, side)
        sheet.caption(x, y + side + 16, result.experiment.title.replace("x", "×"), f"→ {_shape(result.output)}")
        x += drawn + 14 + side + gap


def _flipping(sheet: _Sheet, y: float) -> None:
    sheet.heading(
        y,
        "Convolution or correlation",
        "conv2d correlates, like every deep-learning library; convolution proper turns the kernel by 180°",
    )
    y += 96
    correlated, convolved = sheet.results["impulse_correlated"], sheet.results["impulse_convolved"]
    side, step = 196, 223
    sheet.page.kernel(kernels.LETTER_F, MARGIN, y, side, _labels(kernels.LETTER_F))
    sheet.caption(MARGIN, y + side + 12, "Kernel")
    for i, (pixels, title) in enumerate(
        (
            (correlated.experiment.input, "Bright point"),
            (correlated.output, "Correlation"),
            (convolved.output, "Convolution"),
        ),
        start=1,
    ):
        sheet.page.image(pixels[0], MARGIN + i * step, y, side, side)
        sheet.caption(MARGIN + i * step, y + side + 12, title)
    relief, turned = sheet.results["relief_correlated"], sheet.results["relief_convolved"]
    difference = np.abs(relief.output - turned.output)
    y_text = y + side + 66
    sheet.page.text(
        MARGIN,
        y_text,
        "correlation  y[i] = Σ w[k] x[i + k]\nconvolution  y[i] = Σ w[k] x[i − k]",
        BODY,
        family="monospace",
    )
    sheet.page.text(
        MARGIN,
        y_text + 78,
        "Only convolution copies the kernel as it is to where the point lies.\n"
        f"Right: a kernel without symmetry; the two differ by up to {difference.max():.1f}.\n"
        f"conv2d with the turned kernel differs from scipy.ndimage.convolve\nby {turned.scipy_difference:.0e} at most.",
        BODY,
        SOFT,
    )
    side, step = 432, 457
    for i, (pixels, title, kernel, text) in enumerate(
        (
            (relief.output, "Correlation", kernels.EMBOSS, "lit from the upper left"),
            (turned.output, "Convolution", kernels.EMBOSS[::-1, ::-1], "lit from the lower right"),
            (np.sqrt(difference / difference.max()), "Their difference", None, "black: none; white: most"),
        ),
        start=2,
    ):
        x = MARGIN + i * step
        sheet.page.image(sheet.detail(pixels)[0], x, y, side, side, smooth=True)
        if kernel is not None:
            sheet.page.kernel(kernel, x, y + side + 16, 84, _labels(kernel))
            x += 98
        sheet.caption(x, y + side + 12, title, text)


def _five_maps(sheet: _Sheet, y: float) -> None:
    result = sheet.results["five_maps"]
    weight, photo = _weights(result), result.experiment.input
    count, size = weight.shape[0], weight.shape[-1]
    photo_side, side = TINY * TINY_SCALE, result.output.shape[-1] * TINY_SCALE
    sheet.heading(
        y,
        "Five kernels, five maps",
        f"to scale · {_shape(photo)} and weight {_shape(weight)} → {_shape(result.output)} · grey is zero",
    )
    y += 100
    sheet.page.text(
        MARGIN,
        y - 6,
        f"Each kernel: a {size}×{size} plane for\nred, green and blue; the sum\nover all three is one map.",
        BODY,
        SOFT,
    )
    sheet.page.image(_rgb(photo), MARGIN, y + 130, photo_side, photo_side)
    sheet.page.outline(MARGIN, y + 130, size * TINY_SCALE, size * TINY_SCALE, "white", dashed=False)
    sheet.caption(
        MARGIN,
        y + 130 + photo_side + 12,
        "The photograph",
        f"framed: one window; there are\n{TINY} − {size} + 1 = {TINY - size + 1} places a row",
    )
    names = ("Vertical edges", "Horizontal edges", "Diagonal lines", "Spots", "Red against blue")
    step = (INNER - photo_side) / count
    for i, (kernel, output, name) in enumerate(zip(weight, result.output, names, strict=True)):
        x = WIDTH - MARGIN - side - (count - 1 - i) * step
        for c, plane in enumerate(kernel):
            sheet.page.kernel(plane, x + c * 96, y, 88)
            sheet.page.text(x + c * 96 + 44, y + 92, "RGB"[c], 20, SOFT, ha="center")
        sheet.page.image(0.5 + output / (2 * np.abs(output).max()), x, y + 130, side, side)
        sheet.caption(x, y + 130 + side + 12, name, f"→ {_shape(result.output)}, map {i + 1}")


def _numbers(sheet: _Sheet, values: Array, x: float, y: float, cell: float) -> None:
    """Write values of 0 to 1 as 0 to 255 into the cells of a grid."""
    rows, columns = values.shape
    sheet.page.image(values, x, y, cell * columns, cell * rows)
    for row in range(rows):
        for column in range(columns):
            value = float(values[row, column])
            sheet.page.text(
                x + (column + 0.5) * cell,
                y + (row + 0.5) * cell - 11,
                f"{value * 255:.0f}",
                18,
                "white" if value < 0.5 else INK,
                ha="center",
            )


def _strongest(maps: Array) -> float:
    """Return a strength that few places exceed: white in the picture."""
    return float(np.quantile(np.abs(maps), 0.995)) or 1.0


def _rgb(maps: Array) -> Pixels:
    return np.moveaxis(maps, 0, 2)


def _shape(array: Array) -> str:
    return shape(array.shape, "×")


def _weights(result: Result) -> Array:
    assert result.experiment.weight is not None
    return result.experiment.weight


def _arithmetic(result: Result) -> str:
    """Write the output size as the formula of the heading with its numbers put in."""
    options = result.experiment.options
    stride = options.get("stride", 1)
    padded = result.experiment.input.shape[-1] + 2 * options.get("padding", 0)
    reach = options.get("dilation", 1) * (_weights(result).shape[-1] - 1) + 1
    places = f"{padded} − {reach}" if stride == 1 else f"⌊({padded} − {reach})/{stride}⌋"
    return f"{places} + 1 = {result.output.shape[-1]}"


def _labels(kernel: Array) -> list[list[str]]:
    return [[f"{weight:g}".replace("-", "−") for weight in row] for row in kernel]
