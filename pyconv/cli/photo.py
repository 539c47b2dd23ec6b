"""The photograph that the demo works on: loading it, cutting it square, making smaller copies."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pyconv.cli.errors import UserError

Array = npt.NDArray[np.float32]

# Rec. 601 luma: how bright red, green and blue look.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Photo:
    """A square RGB photograph and the place in it that shows details best."""

    image: Image.Image
    name: str
    focus: tuple[float, float] = (0.5, 0.5)  # (down, right), fractions of the side

    def rgb(self, size: int) -> Array:
        """Return the photograph at size x size pixels: (3, size, size), float32, 0 to 1."""
        resized = self.image.resize((size, size), Image.Resampling.LANCZOS)
        return np.ascontiguousarray(np.asarray(resized, dtype=np.float32).transpose(2, 0, 1) / 255)

    def grey(self, size: int) -> Array:
        """Return its brightness: (1, size, size), float32, 0 to 1."""
        return np.tensordot(_LUMA, self.rgb(size), axes=1)[None]


def load(path: Path | None) -> Photo:
    """Read the photograph at `path`, or scikit-image's astronaut. Raises UserError if there is no such image."""
    if path is None:
        return _astronaut()
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            image.load()
    except UnidentifiedImageError:
        raise UserError(f"{path} is not an image in a format that Pillow reads") from None
    except OSError as error:
        # An errno says that the file could not be read; without one it is Pillow that found the content broken.
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    return Photo(_square(_opaque(image)), path.name)


def _astronaut() -> Photo:
    from skimage import data

    pixels = data.astronaut()  # type: ignore[no-untyped-call]
    return Photo(_square(Image.fromarray(pixels)), "Eileen Collins, NASA (scikit-image)", focus=(0.25, 0.43))


def _opaque(image: Image.Image) -> Image.Image:
    """Return `image` in RGB: transparency over white, 16-bit and float greys stretched over the whole range."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(np.uint8((values - low) * (255 / max(high - low, 1e-30)))).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
