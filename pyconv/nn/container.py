"""Modules made of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from .._native import get_precision
from .activation import Hardswish, ReLU, ReLU6, SiLU
from .batchnorm import BatchNorm2d
from .conv import Conv2d
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self

    from .._types import Activation


# What a convolution computes on its way out, with the bits that the layer would give.
_FUSED: dict[type[Module], Activation] = {ReLU: "relu", ReLU6: "relu6", SiLU: "silu", Hardswish: "hardswish"}


def _is_plain(module: Module, kind: type[Module]) -> bool:
    """Whether a module is exactly of this class, and nobody has replaced its `forward`."""
    return type(module) is kind and "forward" not in module.__dict__


def _folds(conv: Conv2d, norm: Module, input: Any) -> bool:
    """Whether a plain convolution in eval mode, and what stands after it, may be computed as one convolution."""
    if not _is_plain(norm, BatchNorm2d) or norm.training:
        return False
    norm = cast("BatchNorm2d", norm)
    # A convolution takes a single image, and a batch norm does not: it has to say so itself.
    same = norm._tracked() and norm.layout == conv.layout and getattr(input, "ndim", 0) == 4
    return same and (conv.precision or get_precision()) != "strict"


class Sequential(Module):
    """Modules called one after the other, each with the result of the one before, as `torch.nn.Sequential`.

    In eval mode a `Conv2d` and the `ReLU`, `ReLU6`, `SiLU` or `Hardswish` directly after it are computed together, with
    the same bits.

    A `BatchNorm2d` directly after a `Conv2d`, or between the two, is folded into the convolution, as by
    `utils.fuse_conv_bn_eval`: the weights are multiplied by its scale, the bias by its scale and shifted, and the batch
    norm costs nothing more. The result differs from that of the layers one by one by rounding, about as the order of a
    sum would: each weight is rounded once more, the result of the convolution once less. So it is done only where the
    convolution's precision is not "strict", in which every layer is computed as by itself, and only if both are in eval
    mode and have the same layout, and the batch norm has running statistics. A change to any of their arrays, in place
    too, is noticed.

    Subclasses of these layers, layers whose `forward` was replaced, and layers of half floats are called as they are.

    Parameters
    ----------
    *args : Module, or one dict of str to Module
        Without names, they are called "0", "1", ...

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * 15 * 15, 10))
    >>> net(np.zeros((4, 1, 32, 32), dtype=np.float32)).shape
    (4, 10)
    >>> net[:2]
    Sequential(
      (0): Conv2d(1, 6, kernel_size=(3, 3), stride=(1, 1))
      (1): ReLU()
    )
    """

    _modules: dict[str, Module]  # type: ignore[assignment]

    @overload
    def __init__(self, arg: dict[str, Module], /) -> None: ...
    @overload
    def __init__(self, *args: Module) -> None: ...
    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], dict) else enumerate(args)
        for name, module in named:
            self._insert(str(name), module)

    def _insert(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Sequential: {name!r} must be a Module, got {type(module).__name__}")
        self.add_module(name, module)

    def _name(self, index: int) -> str:
        names = list(self._modules)
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range for a Sequential of {len(names)}")
        return names[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self._insert(self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        doomed = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        kept = {name: module for name, module in self._modules.items() if name not in doomed}
        # As in torch, the modules that stay are numbered anew, and modules with names keep them.
        numbered = all(name.isdigit() for name in kept)
        self._modules.clear()
        for i, (name, module) in enumerate(kept.items()):
            self._modules[str(i) if numbered else name] = module

    def append(self, module: Module) -> Self:
        """Add a module at the end, named by the next free number; return self."""
        number = len(self)
        while str(number) in self._modules:
            number += 1
        self._insert(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end; return self."""
        for module in modules:
            self.append(module)
        return self

    def forward(self, input: Any) -> Any:
        """Return the result of the last module."""
        if self.training:
            for module in self._modules.values():
                input = module(input)
            return input
        waiting = list(reversed(self._modules.values()))
        while waiting:
            module = waiting.pop()
            conv = cast("Conv2d", module)
            if not _is_plain(module, Conv2d) or module.training or conv._in_halves():
                input = module(input)
                continue
            norm: BatchNorm2d | None = None
            activation: Activation | None = None
            if waiting and _folds(conv, waiting[-1], input):
                norm = cast("BatchNorm2d", waiting.pop())
            if waiting and type(waiting[-1]) in _FUSED and _is_plain(waiting[-1], type(waiting[-1])):
                activation = _FUSED[type(waiting.pop())]
            input = conv._followed_by(input, norm, activation)
        return input

    def _explain(self, input: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        input = np.array(input)  # a layer that works in place must not change the caller's array
        kept = [(buffer, buffer.copy()) for buffer in self.buffers()]  # nor a batch norm its running statistics
        try:
            for module in self._modules.values():
                explainer = getattr(module, "_explain", None)
                if explainer is not None:
                    described = explainer(input)
                    found += described if isinstance(described, list) else [described]
                input = module(input)
        finally:
            for buffer, values in kept:
                if buffer.flags.writeable:
                    buffer[...] = values
        return found
