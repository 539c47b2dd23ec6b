"""Blur a colour photograph, and find its edges at several angles: pyconv.image where scipy.ndimage might stand.

    python examples/photo_filters.py [PHOTO [BLURRED EDGES]]

Without a photograph it takes the astronaut that ships in scikit-image. Writes blurred.png and edges.png; needs Pillow.
"""

import sys

import numpy as np
from PIL import Image

from pyconv import image


def blurred(photo: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth each colour of a (height, width, 3) photograph of bytes: bytes again, rounded once."""
    return image.gaussian_filter(photo, sigma, channel_axis=-1, rounding="nearest")


def edges(grey: np.ndarray) -> np.ndarray:
    """Return the strongest of four directional derivatives of a (height, width) image of bytes, as bytes."""
    across = np.outer([1, 2, 1], [-1, 0, 1])
    falling = np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])
    kernels = [across, across.T, falling, falling[:, ::-1]]
    slopes = image.filter_bank(grey, kernels, output=np.int16)  # four kernels, one reading of the image
    return np.minimum(np.abs(slopes).max(axis=0), 255).astype(np.uint8)


def main(arguments: list[str]) -> None:
    """Read, filter, write."""
    if arguments:
        photo = Image.open(arguments[0])
    else:
        from skimage.data import astronaut

        photo = Image.fromarray(astronaut())
    colours = np.asarray(photo.convert("RGB"))
    outputs = arguments[1:] or ["blurred.png", "edges.png"]
    results = blurred(colours, sigma=2), edges(np.asarray(photo.convert("L")))
    for output, result in zip(outputs, results, strict=True):
        Image.fromarray(result).save(output)
        print(f"{output}: {result.shape[1]} x {result.shape[0]} pixels")


if __name__ == "__main__":
    main(sys.argv[1:])
