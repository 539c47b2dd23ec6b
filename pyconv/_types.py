"""Names for annotations; imported by type checkers only, so that `import pyconv` does not pay for them."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Generator: TypeAlias = np.random.Generator
Pair: TypeAlias = int | Sequence[int]
OutputSize: TypeAlias = int | Sequence[int | None]
Sides: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
Padding: TypeAlias = Sides | str
Layout: TypeAlias = Literal["NCHW", "NHWC", "NCL", "NLC", "NCDHW", "NDHWC"]
PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular", "symmetric", "constant", "mirror", "wrap"]
Overflow: TypeAlias = Literal["widen", "wrap", "saturate"]
Precision: TypeAlias = Literal["fast", "strict"]
Activation: TypeAlias = Literal["relu", "relu6", "silu", "hardswish"] | Sequence[float]
