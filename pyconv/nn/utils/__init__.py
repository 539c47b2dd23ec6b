"""What one does to layers, with the names of `torch.nn.utils`."""

from .fusion import fuse_conv_bn_eval

__all__ = ["fuse_conv_bn_eval"]
