"""The filters of the demo, each a small float32 matrix."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def _matrix(*rows: tuple[float, ...]) -> Array:
    return np.array(rows, dtype=np.float32)


SHARPEN = _matrix((0, -1, 0), (-1, 5, -1), (0, -1, 0))
EMBOSS = _matrix((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
SOBEL_X = _matrix((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
SOBEL_Y = np.ascontiguousarray(SOBEL_X.T)

# No symmetry at all, so that every flip of it looks different.
LETTER_F = _matrix((0, 1, 1, 1, 0), (0, 1, 0, 0, 0), (0, 1, 1, 0, 0), (0, 1, 0, 0, 0), (0, 1, 0, 0, 0))


def gaussian(size: int, sigma: float) -> Array:
    """Return the size x size Gaussian of width `sigma` pixels; its weights sum to 1."""
    x = np.arange(size) - (size - 1) / 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    line /= line.sum()
    return np.outer(line, line).astype(np.float32)


def box(size: int) -> Array:
    """Return the size x size mean."""
    return np.full((size, size), 1 / size**2, dtype=np.float32)


def five_of_five() -> Array:
    """Return five 5x5 kernels over red, green and blue: (5, 3, 5, 5).

    Edges across, edges down, a diagonal ridge and a spot, each alike in the three colours; and red minus blue, which
    smooths each colour and subtracts: it sees colour and no edges.
    """
    x = np.arange(5) - 2.0
    bell = np.exp(-(x**2) / 2)
    bell /= bell.sum()
    across = np.outer(bell, -x * bell)
    down, right = np.meshgrid(x, x, indexing="ij")
    ridge = np.where(down == right, 4.0, -1.0) / 20
    wide, narrow = np.exp(-(down**2 + right**2) / 6), np.exp(-(down**2 + right**2) / 1.5)
    spot = narrow / narrow.sum() - wide / wide.sum()
    kernels = [np.stack([plane] * 3) / 3 for plane in (-across, -across.T, ridge, spot)]
    smooth = np.outer(bell, bell)
    kernels.append(np.stack([smooth, 0 * smooth, -smooth]))
    return np.stack(kernels).astype(np.float32)
