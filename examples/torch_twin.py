"""One network twice, in torch and in pyconv: the same lines, the same weights, the same result.

    python examples/torch_twin.py

Needs torch (any 2.x, the CPU build will do).
"""

import sys
from typing import Any

import numpy as np

from pyconv import nn

try:
    import torch
except ImportError:
    sys.exit("this example compares pyconv with torch: pip install torch")


def network(nn: Any) -> Any:
    """Build it from `torch.nn` or from `pyconv.nn`."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, stride=2, groups=4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 15 * 15, 10),
    ).eval()


def main() -> None:
    """Carry torch's weights over, run both, compare."""
    theirs, ours = network(torch.nn), network(nn)
    ours.load_state_dict(theirs.state_dict())

    image = np.random.default_rng(0).random((8, 3, 64, 64), dtype=np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(image)).numpy()
    result = ours(image)
    print(ours)
    print(f"outputs {result.shape}, largest difference {np.abs(result - expected).max():.1e}")


if __name__ == "__main__":
    main()
