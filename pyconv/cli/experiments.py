"""What the demo computes: one list of experiments, and how each is run, checked and timed.

An experiment is a call of `conv2d` or `max_pool2d` with its arguments, and the SciPy call that means the same where
there is one. The table and the picture are drawn from the results and know nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

import pyconv.nn.functional as F
from pyconv import reference
from pyconv.cli import kernels
from pyconv.cli.photo import Photo
from pyconv.cli.timing import fastest_ms

Array = npt.NDArray[np.float32]

# Sides of the small copies of the photograph, in pixels: the picture draws these to scale.
SMALL = 80
TINY = 32


@dataclass(frozen=True)
class Experiment:
    """One call: `conv2d` with a weight, `max_pool2d` with a window."""

    key: str
    topic: str
    title: str
    input: Array
    weight: Array | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    scipy: Callable[[], npt.NDArray[Any]] | None = None
    scipy_name: str = ""

    def call(self, library: ModuleType) -> Array:
        """Run it with the functions of `library`: `pyconv.nn.functional` or `pyconv.reference`."""
        if self.weight is None:
            output = library.max_pool2d(self.input, **self.options)
        else:
            output = library.conv2d(self.input, self.weight, **self.options)
        return np.asarray(output)

    @property
    def rounding(self) -> float:
        """How far two orders of summation can lie apart: 2 n eps sum|w| max|x|, for n products a sum."""
        if self.weight is None:
            return 0.0
        taps = self.weight.size // len(self.weight)
        heaviest, brightest = float(np.abs(self.weight).sum(axis=(1, 2, 3)).max()), float(np.abs(self.input).max())
        return 2 * taps * float(np.finfo(np.float32).eps) * heaviest * brightest


@dataclass(frozen=True)
class Result:
    """An experiment's output, its largest differences from reference and SciPy, and milliseconds of all three."""

    experiment: Experiment
    output: Array
    difference: float
    ours_ms: float
    reference_ms: float
    scipy_difference: float | None = None
    scipy_ms: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the differences are no more than rounding."""
        differences = (self.difference, self.scipy_difference or 0.0)
        return all(difference <= self.experiment.rounding for difference in differences)  # not so for NaN


def measure(experiment: Experiment) -> Result:
    """Run an experiment with pyconv, with the reference and with SciPy; compare and time them."""
    output = experiment.call(F)
    difference = _largest_difference(output, experiment.call(reference))
    scipy_difference = scipy_ms = None
    if experiment.scipy is not None:
        scipy_difference = _largest_difference(output, experiment.scipy())
        scipy_ms = fastest_ms(experiment.scipy)
    return Result(
        experiment,
        output,
        difference,
        ours_ms=fastest_ms(lambda: experiment.call(F)),
        reference_ms=fastest_ms(lambda: experiment.call(reference)),
        scipy_difference=scipy_difference,
        scipy_ms=scipy_ms,
    )


def build(photo: Photo, size: int) -> list[Experiment]:
    """Return the demo's experiments on `photo` at size x size pixels."""
    rgb, grey = photo.rgb(size), photo.grey(size)
    return [
        *_filters(grey),
        *_colour(rgb),
        *_arguments(photo.rgb(SMALL)),
        *_pooling(photo.rgb(SMALL)),
        *_flipping(grey),
        *_five_maps(photo.rgb(TINY)),
    ]


def _largest_difference(ours: Array, other: npt.NDArray[Any]) -> float:
    if ours.shape != other.shape:
        raise RuntimeError(f"shapes differ: {ours.shape} and {other.shape}")
    return float(np.abs(ours - other).max())


def _same_size(function: Callable[..., npt.NDArray[Any]], plane: Array, kernel: Array) -> npt.NDArray[Any]:
    """Apply a function of scipy.ndimage, zeros around the plane, as conv2d does with half the kernel as padding."""
    return function(plane, kernel, mode="constant")[None]


def _filters(grey: Array) -> Iterator[Experiment]:
    plane, topic = grey[0], "Filters"
    yield Experiment(
        "gaussian",
        topic,
        "Gaussian smoothing",
        grey,
        kernels.gaussian(15, 2.5)[None, None],
        {"padding": 7},
        lambda: ndimage.gaussian_filter(plane, 2.5, mode="constant", radius=7)[None],
        "gaussian_filter (separable)",
    )
    for key, title, kernel in (("sharpen", "Sharpening", kernels.SHARPEN), ("emboss", "Emboss", kernels.EMBOSS)):
        yield Experiment(
            key,
            topic,
            title,
            grey,
            kernel[None, None],
            {"padding": 1},
            partial(_same_size, ndimage.correlate, plane, kernel),
            "correlate",
        )
    yield Experiment(
        "sobel",
        topic,
        "Sobel edges",
        grey,
        np.stack([kernels.SOBEL_X, kernels.SOBEL_Y])[:, None],
        {"padding": 1},
        lambda: np.stack([ndimage.sobel(plane, axis, mode="constant") for axis in (1, 0)]),
        "sobel, twice",
    )


def _colour(rgb: Array) -> Iterator[Experiment]:
    kernel, topic = kernels.SOBEL_X, "Two ways to see RGB"
    summed = np.stack([kernel] * 3)[None]
    yield Experiment(
        "summed",
        topic,
        "Summed to one map",
        rgb,
        summed,
        scipy=lambda: signal.correlate(rgb, summed[0], mode="valid"),
        scipy_name="signal.correlate",
    )
    yield Experiment(
        "separate",
        topic,
        "Each channel by itself",
        rgb,
        np.stack([kernel] * 3)[:, None],
        {"groups": 3},
        lambda: ndimage.correlate(rgb, kernel[None], mode="constant")[:, 1:-1, 1:-1],
        "correlate",
    )


def _arguments(rgb: Array) -> Iterator[Experiment]:
    kernel = kernels.box(7)
    for key, title, options, mode in (
        ("plain", "No padding", {}, "valid"),
        ("same", "Padding 3", {"padding": 3}, "same"),
        ("full", "Padding 6", {"padding": 6}, "full"),
        ("stride2", "Stride 2", {"stride": 2}, ""),
        ("stride4", "Stride 4", {"stride": 4}, ""),
        ("dilation2", "Dilation 2", {"dilation": 2}, ""),
        ("dilation3", "Dilation 3", {"dilation": 3}, ""),
    ):
        yield Experiment(
            key,
            "Stride, padding, dilation",
            title,
            rgb,
            np.stack([kernel] * 3)[:, None],
            {"groups": 3, **options},
            partial(signal.correlate, rgb, kernel[None], mode=mode) if mode else None,
            f"signal.correlate {mode}" if mode else "",
        )


def _pooling(rgb: Array) -> Iterator[Experiment]:
    for window in (2, 4, 8):
        title = f"Largest of {window}x{window}"
        yield Experiment(f"pool{window}", "Max pooling", title, rgb, options={"kernel_size": window})


def _flipping(grey: Array) -> Iterator[Experiment]:
    impulse = np.zeros((1, 9, 9), dtype=np.float32)
    impulse[0, 4, 4] = 1
    for key, title, image, kernel in (
        ("impulse", "one point", impulse, kernels.LETTER_F),
        ("relief", "photo", grey, kernels.EMBOSS),
    ):
        plane, padding = image[0], {"padding": kernel.shape[0] // 2}
        yield Experiment(
            f"{key}_correlated",
            "Convolution or correlation",
            f"Correlation, {title}",
            image,
            kernel[None, None],
            padding,
            partial(_same_size, ndimage.correlate, plane, kernel),
            "correlate",
        )
        # Convolution proper is correlation with the kernel turned by 180 degrees; SciPy's convolve turns it itself.
        yield Experiment(
            f"{key}_convolved",
            "Convolution or correlation",
            f"Convolution, {title}",
            image,
            np.ascontiguousarray(kernel[::-1, ::-1])[None, None],
            padding,
            partial(_same_size, ndimage.convolve, plane, kernel),
            "convolve",
        )


def _five_maps(rgb: Array) -> Iterator[Experiment]:
    weight, topic = kernels.five_of_five(), "Five kernels, five maps"
    yield Experiment(
        "one_map",
        topic,
        "One kernel, one map",
        rgb,
        weight[:1],
        scipy=lambda: signal.correlate(rgb, weight[0], mode="valid"),
        scipy_name="signal.correlate",
    )
    yield Experiment(
        "five_maps",
        topic,
        "Five kernels, five maps",
        rgb,
        weight,
        scipy=lambda: np.concatenate([signal.correlate(rgb, kernel, mode="valid") for kernel in weight]),
        scipy_name="signal.correlate, 5 times",
    )
