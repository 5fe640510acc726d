"""Blocks of L-GATr from the package ``lgatr``, on multivectors whose components come first.

The package multiplies by sparse 16 x 16 matrices that are written as dense ones, and its faster path can't be exported.
Here the components are an axis of a batch of matrix products, with an eighth of the multiplications. Weights, their
initialisation and the algebra are those of the package.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from coffea_fm.nn.blocks.attention import mix

GRADES = (0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4)
"""Grade of each component."""


@cache
def _dual_signs() -> tuple[float, ...]:
    """Sign of component 15 - i in component i of the dual."""
    from lgatr.primitives.config import PrimitivesConfig
    from lgatr.primitives.linear import equi_linear

    duals = torch.cat((torch.zeros(5), torch.ones(5))).view(1, 1, 10)
    of_basis = equi_linear(torch.eye(16).unsqueeze(1), duals, config=PrimitivesConfig()).squeeze(1)
    return tuple(of_basis.flip(0).diagonal().tolist())


@cache
def _products() -> tuple[tuple[int, ...], tuple[float, ...]]:
    """For components i and j, the component k and the sign with which ``x_j y_k`` contributes to ``(x y)_i``."""
    from lgatr.primitives.bilinear import geometric_product
    from lgatr.primitives.config import PrimitivesConfig

    basis = torch.eye(16)
    table = geometric_product(basis.unsqueeze(1), basis.unsqueeze(0), config=PrimitivesConfig(sparse_gp=False))
    table = table.permute(2, 0, 1)
    which = table.abs().argmax(dim=-1)
    signs = table.gather(-1, which.unsqueeze(-1)).flatten()
    return tuple(which.flatten().tolist()), tuple(signs.tolist())


def equi_linear(layer: Any, vectors: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
    """Apply a ``lgatr.layers.EquiLinear``.

    Parameters
    ----------
    layer : lgatr.layers.linear.EquiLinear
    vectors : Tensor [16, rows, channels]
    scalars : Tensor [rows, scalar channels]

    Returns
    -------
    vectors : Tensor [16, rows, channels out]
    scalars : Tensor [rows, scalar channels out]
        Without columns if the layer has no scalar output.
    """
    grades = torch.tensor(GRADES, device=vectors.device)
    signs = vectors.new_tensor(_dual_signs()).view(16, 1, 1)
    coefficients = layer.weight.permute(2, 1, 0)
    direct, dual = coefficients.index_select(0, grades), coefficients.index_select(0, 5 + grades.flip(0)) * signs
    weight = torch.cat((direct, dual), dim=1)
    found = torch.cat((vectors, vectors.flip(0)), dim=-1) @ weight
    rows, channels = found.shape[1], layer.weight.shape[0]
    shift = layer.s2mvs(scalars).view(rows, channels, 2).permute(2, 0, 1)
    found = torch.cat((found[:1] + shift[:1], found[1:15], found[15:] + shift[1:]))
    if layer.mvs2s is None:
        return found, scalars[:, :0]
    ends = torch.stack((vectors[0], vectors[15]), dim=-1).view(rows, -1)
    return found, layer.mvs2s(ends) + layer.s2s(scalars)


def normed(layer: Any, vectors: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
    """Apply a ``lgatr.layers.EquiLayerNorm``: vectors [16, ..., channels] and scalars [..., channels]."""
    metric = _metric(vectors)
    squares = torch.split(vectors.square() * metric, [1, 4, 6, 4, 1])
    sizes = torch.stack([part.sum(dim=0).abs() for part in squares]).sum(dim=0)
    size = sizes.mean(dim=-1, keepdim=True).clamp(min=0.01)
    vectors = vectors * torch.rsqrt(size)
    if scalars.shape[-1]:
        centred = scalars - scalars.mean(dim=-1, keepdim=True)
        scalars = centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + 1e-5)
    if not layer.elementwise_affine:
        return vectors, scalars
    gain = layer.weight_mv.t().index_select(0, torch.tensor(GRADES, device=vectors.device))
    return vectors * gain.unsqueeze(1), scalars * layer.weight_s


def geometric_block(
    block: Any, vectors: Tensor, scalars: Tensor, shape: tuple[int, int], bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Apply a ``lgatr.layers.LGATrBlock``.

    Parameters
    ----------
    block : lgatr.layers.lgatr_block.LGATrBlock
    vectors : Tensor [16, sets * tokens, channels]
    scalars : Tensor [sets * tokens, scalar channels]
    shape : tuple of int
        Number of sets and of tokens per set.
    bias : Tensor [sets, 1, 1, tokens]
        Added to the attention logits; very negative for padding.
    """
    more_vectors, more_scalars = _attention(block.attention, *normed(block.norm1, vectors, scalars), shape, bias)
    vectors, scalars = vectors + more_vectors, scalars + more_scalars
    more_vectors, more_scalars = _feed_forward(block.mlp, *normed(block.norm2, vectors, scalars))
    return vectors + more_vectors, scalars + more_scalars


def _attention(
    attention: Any, vectors: Tensor, scalars: Tensor, shape: tuple[int, int], bias: Tensor
) -> tuple[Tensor, Tensor]:
    sets, tokens = shape
    config = attention.qkv_module.config
    n_vectors, n_scalars, heads = config.hidden_mv_channels, config.hidden_s_channels, config.num_heads
    all_vectors, all_scalars = equi_linear(attention.qkv_module.in_linear, vectors, scalars)
    all_vectors = all_vectors.view(16, sets, tokens, 3, n_vectors, heads).permute(0, 3, 1, 5, 2, 4)
    all_scalars = all_scalars.view(sets, tokens, 3, n_scalars, heads).permute(2, 0, 4, 1, 3)
    all_vectors, all_scalars = normed(attention.qkv_module.norm_qkv, all_vectors, all_scalars)
    width = 16 * n_vectors
    query, key, value = (
        torch.cat((part.permute(1, 2, 3, 0, 4).reshape(sets, heads, tokens, width), scalar), dim=-1)
        for part, scalar in zip(
            ((all_vectors * _metric(all_vectors))[:, 0], all_vectors[:, 1], all_vectors[:, 2]),
            all_scalars.unbind(0),
            strict=True,
        )
    )
    mixed = mix(query * (width + n_scalars) ** -0.5, key, value, bias.to(query.dtype), 0.0)
    if attention.use_head_scale:
        mixed = mixed * attention.head_scale.view(heads, 1, 1)
    mixed_vectors = mixed[..., :width].reshape(sets, heads, tokens, 16, n_vectors).permute(3, 0, 2, 1, 4)
    mixed_scalars = mixed[..., width:].transpose(1, 2)
    return equi_linear(
        attention.out_linear,
        mixed_vectors.reshape(16, sets * tokens, heads * n_vectors),
        mixed_scalars.reshape(sets * tokens, heads * n_scalars),
    )


def _feed_forward(mlp: Any, vectors: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
    bilinear, gate, last = mlp.layers
    left, _ = equi_linear(bilinear.linear_left, vectors, scalars)
    right, _ = equi_linear(bilinear.linear_right, vectors, scalars)
    vectors, scalars = equi_linear(bilinear.linear_out, _geometric_product(left, right), scalars)
    vectors, scalars = normed(bilinear.norm, vectors, scalars)
    return equi_linear(last, gate.nonlinearity(vectors[:1]) * vectors, gate.nonlinearity(scalars))


def _geometric_product(left: Tensor, right: Tensor) -> Tensor:
    which, signs = _products()
    chosen = right.index_select(0, torch.tensor(which, device=right.device)).view(16, 16, *right.shape[1:])
    return (chosen * right.new_tensor(signs).view(16, 16, 1, 1) * left).sum(dim=1)


def _metric(vectors: Tensor) -> Tensor:
    """Sign of the square of each component, to be multiplied with vectors [16, ...]."""
    signs = (1, 1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, -1, -1)
    return vectors.new_tensor(signs).view(16, *[1] * (vectors.dim() - 1))
