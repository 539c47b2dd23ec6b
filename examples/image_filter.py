"""Find the edges in a photograph: two Sobel kernels, one call.

    python examples/image_filter.py [PHOTO [OUTPUT]]

Without a photograph it takes the astronaut that ships in scikit-image, and writes edges.png. Needs Pillow.
"""

import sys

import numpy as np
from PIL import Image

from pyconv.nn import functional as F

SOBEL_ACROSS = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.float32)


def edges(grey: np.ndarray) -> np.ndarray:
    """Return the length of the gradient at each pixel of a (height, width) image, float32."""
    weight = np.stack([SOBEL_ACROSS, SOBEL_ACROSS.T])[:, None]  # (2, 1, 3, 3): one channel in, two maps out
    across, down = F.conv2d(grey[None], weight, padding="same")
    return np.hypot(across, down)


def main(arguments: list[str]) -> None:
    """Read, filter, write."""
    if arguments:
        photo = Image.open(arguments[0])
    else:
        from skimage.data import astronaut

        photo = Image.fromarray(astronaut())
    grey = np.asarray(photo.convert("L"), dtype=np.float32) / 255
    strength = edges(grey)
    output = arguments[1] if len(arguments) > 1 else "edges.png"
    Image.fromarray(np.uint8(np.minimum(strength / np.quantile(strength, 0.99), 1) * 255)).save(output)
    print(f"{output}: {grey.shape[1]} x {grey.shape[0]} pixels")


if __name__ == "__main__":
    main(sys.argv[1:])
