"""Local canonical frames (LLoCa, arXiv:2505.20280): a Lorentz frame for each particle, predicted from all particles."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from coffea_fm.nn.features.minkowski import METRIC, FourVectors, inner

_SMALLEST = 1e-12
"""Smallest argument of a logarithm; invariants are in units of (20 GeV)²."""
_OFFSET, _FACTOR = -7.0, 0.25
"""They scale logarithms of products to order one."""
_SLOWEST = 1e-4
"""Two axes need a relative velocity of this: a jet of one particle, say, has no direction in its rest frame."""
_LIGHTEST = 1e-4
"""The mass of a time axis is at least this fraction of its energy, for the precision of the boost."""


class LocalFrames(nn.Module):
    """Predict three vectors per particle and orthonormalise them.

    The vectors of a particle are means of the four-momenta of all particles and references. Their weights are a softmax
    of a small network of scalars and of the Minkowski product of the two, so the first vector is timelike. The
    published network sums ``(p_i + p_j) / m_ij``, which gives frames with large boosts if particles are collinear.

    Parameters
    ----------
    n_scalars : int
        Number of scalars per particle.
    hidden : int
        Hidden width of the network.
    n_references : int
        Number of fixed vectors.
    """

    def __init__(self, n_scalars: int, hidden: int, n_references: int) -> None:
        super().__init__()
        self.receiver = nn.Linear(n_scalars, hidden)
        self.sender = nn.Linear(n_scalars, hidden, bias=False)
        self.references = nn.Parameter(torch.randn(n_references, hidden)) if n_references else None
        self.product = nn.Parameter(torch.randn(hidden))
        self.logits = nn.Linear(hidden, 3, bias=False)

    def forward(self, vectors: FourVectors, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the frames.

        Parameters
        ----------
        vectors : FourVectors
        neighbours : Tensor, bool [jets, tokens]
            Particles that enter the means.

        Returns
        -------
        frames : Tensor, float64 [jets, tokens, 4, 4]
            ``frames @ p`` is a momentum in the frame of the particle.
        of_jet : Tensor, float64 [jets, 4, 4]
            Frame from the mean of the vectors of all neighbours.
        """
        senders, of_sender, present = vectors.particles, self.sender(vectors.scalars), neighbours
        if self.references is not None:
            senders = torch.cat((vectors.references, senders), dim=1)
            of_sender = torch.cat((self.references.expand(senders.shape[0], -1, -1), of_sender), dim=1)
            present = nn.functional.pad(present, (len(self.references), 0), value=True)
        products = torch.log(inner(vectors.particles, senders).clamp(min=_SMALLEST)).to(of_sender.dtype)
        products = (products - _OFFSET) * _FACTOR
        pairs = self.receiver(vectors.scalars).unsqueeze(2) + of_sender.unsqueeze(1)
        logits = self.logits(gelu(pairs + products.unsqueeze(-1) * self.product)).permute(0, 3, 1, 2)
        # Not minus infinity: a jet without neighbours would give NaN.
        weights = logits.masked_fill(~present[:, None, None], -1e9).softmax(dim=-1)
        means = (weights.double() @ senders.unsqueeze(1)).transpose(1, 2)
        share = neighbours.double() / neighbours.sum(dim=1, keepdim=True).clamp(min=1)
        of_jet = (means * share[:, :, None, None]).sum(dim=1)
        return orthonormal_frames(means), orthonormal_frames(of_jet)


def orthonormal_frames(vectors: Tensor) -> Tensor:
    """Gram-Schmidt in Minkowski space: a Lorentz transformation from three vectors, of which the first is timelike.

    It is done in the rest frame of the first vector, where the others have three components and nothing cancels. An
    axis that is not determined is 0, and therefore still covariant.

    Parameters
    ----------
    vectors : Tensor, float64 [..., 3, 4]

    Returns
    -------
    Tensor, float64 [..., 4, 4]
        If all vectors are transformed by Λ, the result is multiplied by Λ⁻¹ from the right.
    """
    time, *others = vectors.unbind(dim=-2)
    space = time[..., 1:]
    squared = space.square().sum(dim=-1, keepdim=True)
    # A vector of zeros gets the frame of the laboratory.
    energy = torch.maximum(time[..., :1], torch.sqrt(squared / (1 - _LIGHTEST**2) + _SMALLEST))
    mass = torch.sqrt(energy.square() - squared)
    gamma, velocity = energy / mass, space / mass
    turned = velocity.unsqueeze(-1) * velocity.unsqueeze(-2) / (1 + gamma.unsqueeze(-1))
    boost = torch.cat(
        (-velocity.unsqueeze(-1), turned + torch.eye(3, dtype=turned.dtype, device=turned.device)), dim=-1
    )
    first, second = (boost @ vector.unsqueeze(-1) for vector in others)
    scales = [gamma * vector[..., :1] - (velocity * vector[..., 1:]).sum(dim=-1, keepdim=True) for vector in others]
    x = _normalised(first.squeeze(-1), scales[0])
    second = second.squeeze(-1)
    y = _normalised(second - x * (x * second).sum(dim=-1, keepdim=True), scales[1])
    axes = torch.stack((x, y, _cross(x, y)), dim=-2)
    return torch.cat((torch.cat((gamma, -velocity), dim=-1).unsqueeze(-2), axes @ boost), dim=-2)


def inverse(frames: Tensor) -> Tensor:
    """Inverse of Lorentz transformations, [..., 4, 4]."""
    metric = frames.new_tensor(METRIC)
    return metric.unsqueeze(-1) * frames.transpose(-1, -2) * metric


def _normalised(vectors: Tensor, scale: Tensor) -> Tensor:
    """Unit vectors of [..., 3]; shorter ones than a tiny fraction of the scale [..., 1] are 0."""
    squared = vectors.square().sum(dim=-1, keepdim=True)
    smallest = (_SLOWEST * scale).square() + _SMALLEST**2
    return torch.where(squared > smallest, vectors * torch.rsqrt(torch.maximum(squared, smallest)), 0.0)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product, [..., 3]; the exporter has none."""
    after = [1, 2, 0], [2, 0, 1]
    (a1, a2), (b1, b2) = ([vector[..., order] for order in after] for vector in (a, b))
    return a1 * b2 - a2 * b1
