"""Root-mean-square norm (arXiv:1910.07467)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """`torch.nn.RMSNorm` in single precision at least, written out where it is exported to ONNX.

    The exporter does not support it, and in bfloat16 torch would use another epsilon.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        if not torch.onnx.is_in_onnx_export():
            return super().forward(x)
        factor = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + torch.finfo(x.dtype).eps)
        return x * factor * self.weight
