"""LeNet-5 on one 32x32 image: build it, run it, ask what was chosen, time it.

    python examples/lenet.py

The weights are random, so the answer means nothing; the shapes and the speed are those of a trained network.
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

import time

import numpy as np

import pyconv
from pyconv import nn
from pyconv.nn import functional as F


def lenet() -> nn.Sequential:
    """Return the network, today's variant: ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),  # 1x32x32 -> 6x28x28
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> 6x14x14
        nn.Conv2d(6, 16, 5),  # -> 16x10x10
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> 16x5x5
        nn.Flatten(),  # -> 400
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def main() -> None:
    """Run it."""
    nn.init.manual_seed(1)
    network = lenet().eval()
    image = np.random.default_rng(1).random((1, 1, 32, 32), dtype=np.float32)

    print(network)
    probabilities = F.softmax(network(image), dim=1)
    print("probabilities", np.round(probabilities[0], 3), "sum", round(float(probabilities.sum()), 6))

    print("\nthe second convolution:")
    print(pyconv.explain(network[3], np.zeros((1, 6, 14, 14), dtype=np.float32)))

    times = []
    for _ in range(1000):
        start = time.perf_counter()
        network(image)
        times.append(time.perf_counter() - start)
    print(f"\n{min(times) * 1e6:.0f} us an image, {pyconv.isa()}")


if __name__ == "__main__":
    main()
