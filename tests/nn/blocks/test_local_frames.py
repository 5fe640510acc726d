from __future__ import annotations

import pytest
import torch
from boosted import lorentz

from coffea_fm.nn.blocks.framed_attention import FramedAttention
from coffea_fm.nn.blocks.local_frames import LocalFrames, inverse, orthonormal_frames
from coffea_fm.nn.features.minkowski import FourVectors, inner

METRIC = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))


def momenta(*shape: int) -> torch.Tensor:
    space = torch.randn(*shape, 3, dtype=torch.float64) + torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    return torch.cat((torch.sqrt(space.square().sum(dim=-1, keepdim=True) + 0.01), space), dim=-1)


def test_frames_are_lorentz_transformations_and_follow_the_vectors():
    vectors = momenta(50, 3)
    frames = orthonormal_frames(vectors)
    torch.testing.assert_close(frames @ METRIC @ frames.mT, METRIC.expand(50, 4, 4), atol=1e-10, rtol=0)
    torch.testing.assert_close(frames @ inverse(frames), torch.eye(4, dtype=torch.float64).expand(50, 4, 4))
    assert torch.all(frames[:, 0, 0] >= 1)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(50, dtype=torch.float64))  # no reflections
    first, second, third = ((frames @ vectors[:, k].unsqueeze(-1)).squeeze(-1) for k in range(3))
    assert first[:, 1:].abs().max() < 1e-10
    assert second[:, 2:].abs().max() < 1e-10
    assert third[:, 3].abs().max() < 1e-10
    matrix = torch.from_numpy(lorentz((0.5, -1.0, 0.2), (1.0, 0.3, -2.0)))
    moved = orthonormal_frames(vectors @ matrix.T)
    torch.testing.assert_close(moved @ matrix, frames, atol=1e-9, rtol=0)


def test_axes_that_are_not_determined_are_zero():
    one = momenta(5, 1).expand(5, 3, 4) * torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)[:, None]
    frames = orthonormal_frames(one)
    assert torch.all(frames[:, 1:] == 0)
    mass = torch.sqrt(inner(one[:, :1], one[:, :1]))[:, 0, 0]
    torch.testing.assert_close((frames @ one[:, 0].unsqueeze(-1))[:, 0, 0], mass)
    flat = torch.cat((momenta(5, 2), torch.zeros(5, 1, 4, dtype=torch.float64)), dim=1)
    assert torch.all(orthonormal_frames(flat)[:, 2:] == 0)
    assert orthonormal_frames(torch.zeros(1, 3, 4, dtype=torch.float64)).isfinite().all()


def test_frames_and_attention_agree_with_the_package():
    orthogonalize = pytest.importorskip("lloca.utils.orthogonalize_4d").orthogonalize_4d
    from lloca.backbone.attention import LLoCaAttention
    from lloca.framesnet.frames import Frames
    from lloca.reps.tensorreps import TensorReps

    vectors = momenta(2, 6, 3)
    frames = orthonormal_frames(vectors)
    theirs = orthogonalize(vectors)
    theirs = (
        theirs
        * torch.where(torch.linalg.det(theirs) < 0, -1.0, 1.0)[..., None, None] ** torch.tensor([0, 0, 0, 1])[:, None]
    )
    torch.testing.assert_close(frames, theirs, atol=1e-6, rtol=0)

    ours = FramedAttention(dim=16, heads=2, vectors=1).double()
    package = LLoCaAttention(TensorReps("4x0n+1x1n"), 2, variance_eps=0.0)
    # The last four channels of the package's heads are the vector.
    total = momenta(2)
    of_jet = orthonormal_frames(torch.stack((total, momenta(2), momenta(2)), dim=1))
    package.prepare_frames(Frames(frames), p_ref=total)
    x = torch.randn(2, 6, 16, dtype=torch.float64)
    order = torch.tensor([4, 5, 6, 7, 0, 1, 2, 3])
    parts = [part.view(2, 6, 2, 8).transpose(1, 2)[..., order] for part in ours.project_in(x).chunk(3, dim=-1)]
    mixed = package(*(part.contiguous() for part in parts))[..., order]
    expected = ours.project_out(mixed.transpose(1, 2).reshape(2, 6, 16))
    from_jet = frames @ inverse(of_jet).unsqueeze(1)
    found = ours(x, from_jet, torch.zeros(2, 1, 1, 6, dtype=torch.float64))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_hidden_particles_do_not_enter_the_frames_of_others():
    predict = LocalFrames(2, 8, 0)
    vectors = FourVectors(momenta(3, 5), momenta(3, 0), torch.randn(3, 5, 2), torch.ones(3, 5, dtype=torch.bool))
    known = torch.arange(5) != 3
    frames, of_jet = predict(vectors, known.expand(3, 5))
    changed = vectors.particles.clone()
    changed[:, 3] = momenta(3)
    again, of_jet_again = predict(vectors._replace(particles=changed), known.expand(3, 5))
    torch.testing.assert_close(again[:, known], frames[:, known])
    torch.testing.assert_close(of_jet_again, of_jet)
    assert (
        predict(vectors._replace(particles=changed), torch.ones(3, 5, dtype=torch.bool))[1] - of_jet
    ).abs().max() > 1e-3
