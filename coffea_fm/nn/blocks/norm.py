"""Root-mean-square norm (arXiv:1910.07467)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """`torch.nn.RMSNorm`, which the exporter to ONNX does not support: there, it is written out."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        if not torch.onnx.is_in_onnx_export():
            return super().forward(x)
        factor = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + torch.finfo(x.dtype).eps)
        return x * factor * self.weight
