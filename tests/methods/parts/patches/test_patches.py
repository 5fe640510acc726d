from __future__ import annotations

from dataclasses import replace

import fastjet
import numpy as np
import pytest
import torch
from random_jets import COLUMN, LEVEL, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.kinematics import wrap
from coffea_fm.methods.parts.masked_jets import hidden_count
from coffea_fm.methods.parts.patches.hiding import HiddenPatches
from coffea_fm.methods.parts.patches.partition import NeighbourPatches, ParticlePatches, Partition, SubjetPatches
from coffea_fm.methods.parts.patches.patched_jets import patched_steps
from coffea_fm.methods.parts.patches.relative_eta_phi import PositionVectors, relative_positions
from coffea_fm.methods.parts.views.clustering import token_momenta
from coffea_fm.nn.batches import Examples
from coffea_fm.tokens import Members, Packed, jet_level, token_level

PARTITIONS: list[Partition] = [
    ParticlePatches(),
    SubjetPatches(subjets=6),
    SubjetPatches(algorithm="kt", subjets=6),
    NeighbourPatches(size=4),
]
KINDS = [f"{partition.kind}-{getattr(partition, 'algorithm', '')}" for partition in PARTITIONS]


@pytest.fixture(scope="module")
def packed() -> Packed:
    return random_jets(80, seed=3)[0]


def tokens_of(packed: Packed) -> Members:
    return packed.members["constituents"]


def sets_of(label: np.ndarray, tokens: Members) -> list[set[frozenset[int]]]:
    """The patches of each jet, as sets of places in the jet."""
    found = []
    for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        own = label[start:stop]
        found.append({frozenset(np.flatnonzero(own == one).tolist()) for one in np.unique(own)})
    return found


@pytest.mark.parametrize("partition", PARTITIONS, ids=KINDS)
def test_every_particle_is_in_one_patch_of_its_own_jet(partition: Partition, packed: Packed) -> None:
    tokens, label = tokens_of(packed), partition(packed, LEVEL)
    np.testing.assert_array_equal(tokens.parents[label], tokens.parents)
    np.testing.assert_array_equal(label[label], label)
    counts = [len(patches) for patches in sets_of(label, tokens)]
    most = {"particles": tokens.counts, "neighbours": -(-tokens.counts // 4)}
    np.testing.assert_array_equal(counts, most.get(partition.kind, np.minimum(6, tokens.counts)))


@pytest.mark.parametrize("algorithm", ["cambridge-aachen", "kt"])
def test_subjets_are_those_of_fastjet(algorithm: str, packed: Packed) -> None:
    tokens = tokens_of(packed)
    found = sets_of(SubjetPatches(algorithm=algorithm, subjets=4)(packed, LEVEL), tokens)
    momenta = token_momenta(tokens, LEVEL.members[0])
    which = {"cambridge-aachen": fastjet.cambridge_algorithm, "kt": fastjet.kt_algorithm}[algorithm]
    for jet in np.flatnonzero(tokens.counts >= 4)[:30]:
        particles = []
        for place, momentum in enumerate(momenta[tokens.offsets[jet] : tokens.offsets[jet + 1]]):
            particles.append(fastjet.PseudoJet(*map(float, momentum)))
            particles[-1].set_user_index(place)
        sequence = fastjet.ClusterSequence(particles, fastjet.JetDefinition(which, 500.0))
        expected = {frozenset(p.user_index() for p in one.constituents()) for one in sequence.exclusive_jets(4)}
        assert found[jet] == expected


def test_neighbours_belong_to_the_nearest_centre(packed: Packed) -> None:
    tokens, label = tokens_of(packed), NeighbourPatches(size=4)(packed, LEVEL)
    position = relative_positions(packed, LEVEL).astype(float)
    pt = tokens.things.values[:, COLUMN["pt"]]
    for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        centres = np.unique(label[start:stop])
        assert start + pt[start:stop].argmax() in centres
        distances = np.linalg.norm(position[start:stop, None] - position[centres], axis=2)
        own = np.linalg.norm(position[start:stop] - position[label[start:stop]], axis=1)
        np.testing.assert_allclose(own, distances.min(axis=1), atol=1e-6)


@pytest.mark.parametrize("partition", PARTITIONS, ids=KINDS)
@pytest.mark.parametrize("choice", ["random", "block"])
def test_hidden_patches(partition: Partition, choice: str, packed: Packed) -> None:
    hide = HiddenPatches(patches=partition, fraction=0.3, choice=choice)
    chosen = hide(packed, LEVEL, np.random.default_rng(0))
    tokens, label = tokens_of(chosen), partition(packed, LEVEL)
    known = {name: array.astype(float) for name, array in tokens.things.known.items()}
    number, pt = known["hidden_patch"][:, 0].astype(int), tokens.things.values[:, COLUMN["pt"]].astype(float)
    eta, phi = (tokens.things.values[:, COLUMN[name]] for name in ("eta", "phi"))
    axis = packed.values[tokens.parents, 1:3]
    np.testing.assert_allclose(
        known["position"], np.stack((eta - axis[:, 0], wrap(phi - axis[:, 1])), axis=1), atol=1e-6
    )
    for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        own = slice(start, stop)
        names = np.unique(label[own])
        centres, sums = np.zeros((len(names), 2)), np.zeros(len(names))
        numbers = np.empty(len(names), dtype=int)
        for index, name in enumerate(names):
            inside = np.flatnonzero(label[own] == name) + start
            assert len(set(number[inside])) == 1
            sums[index], numbers[index] = pt[inside].sum(), number[inside[0]]
            centres[index] = (pt[inside, None] * known["position"][inside]).sum(axis=0) / sums[index]
            np.testing.assert_allclose(known["centre"][inside], np.tile(centres[index], (len(inside), 1)), atol=1e-5)
        hidden = np.flatnonzero(numbers >= 0)
        assert len(hidden) == hidden_count(np.array([len(names)]), 0.3)[0]
        by_pt = hidden[np.argsort(-sums[hidden], kind="stable")]
        np.testing.assert_array_equal(numbers[by_pt], np.arange(len(hidden)))
        if choice == "block" and len(hidden) > 1:
            away = np.linalg.norm(centres[:, None] - centres, axis=2)
            radius = [away[seed][hidden].max() for seed in hidden]
            visible = np.flatnonzero(numbers < 0)
            assert any(away[seed][visible].min() >= radius[k] - 1e-6 for k, seed in enumerate(hidden))


def test_random_patches_are_hidden_equally_often(packed: Packed) -> None:
    jet = packed.take(np.full(3000, int(tokens_of(packed).counts.argmax())))
    hide = HiddenPatches(fraction=0.3)
    hidden = tokens_of(hide(jet, LEVEL, np.random.default_rng(0))).things.known["hidden_patch"] >= 0
    share = hidden.reshape(3000, -1).mean(axis=0)
    n = len(share)
    np.testing.assert_allclose(share, int(0.3 * n) / n, atol=0.04)


@pytest.mark.parametrize("partition", PARTITIONS, ids=KINDS)
def test_the_order_of_the_particles_does_not_matter(partition: Partition, packed: Packed) -> None:
    tokens = tokens_of(packed)
    order = np.lexsort((np.random.default_rng(1).random(len(tokens.things)), tokens.parents))
    shuffled = replace(packed, members={"constituents": Members(tokens.counts, tokens.things.take(order))})
    before, after = sets_of(partition(packed, LEVEL), tokens), sets_of(partition(shuffled, LEVEL), tokens)
    for jet, (start, stop) in enumerate(zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)):
        place = order[start:stop] - start
        assert {frozenset(place[list(patch)].tolist()) for patch in after[jet]} == before[jet]


@pytest.mark.parametrize("together", [False, True])
def test_groups_hold_each_jet_once(packed: Packed, together: bool) -> None:
    examples = Examples(packed, {}, np.arange(80, dtype=np.float32))
    hide = HiddenPatches(patches=SubjetPatches(subjets=5), fraction=0.4)
    device, random = torch.device("cpu"), np.random.default_rng(0)
    steps = list(patched_steps(examples, LEVEL, hide, 300, device, random, together=together))
    assert (len(steps) == 1) == together
    assert sorted(torch.cat([step.weight for step in steps]).tolist()) == list(range(80))
    for step in steps:
        assert torch.equal(step.weight, torch.cat([group.jets.weight for group in step.groups]))
        for group in step.groups:
            assert group.jets.visible.mask.numel() <= 320
            whole = group.jets.whole.tokens
            torch.testing.assert_close(group.of_hidden_particles(whole.values), group.jets.hidden.inputs.tokens.values)
            for jet, patches in enumerate(group.mask):
                values = group.jets.hidden.inputs.tokens.values[jet]
                means = group.mean_by_patch(group.jets.hidden.inputs.tokens.values)[jet]
                for patch in range(int(patches.sum())):
                    inside = (group.patch[jet] == patch) & group.jets.hidden.mask[jet]
                    torch.testing.assert_close(means[patch], values[inside].mean(dim=0))
                    centre = whole.known["centre"][jet][group.jets.hidden.place[jet][inside]][0]
                    torch.testing.assert_close(group.centre[jet, patch], centre)
            torch.testing.assert_close(group.mean_of_patches(group.mask.float()), group.mask.any(dim=1).float())


def test_position_vectors_are_waves_of_eta_and_phi() -> None:
    torch.manual_seed(0)
    vectors = PositionVectors(6)
    lengths = np.geomspace(4.0, 0.03, 8)
    angles = np.concatenate([2 * np.pi * x / lengths for x in (0.1, -0.4)])
    waves = torch.tensor(np.concatenate((np.sin(angles), np.cos(angles))), dtype=torch.float32)
    torch.testing.assert_close(vectors(torch.tensor([[0.1, -0.4]]))[0], vectors.linear(waves), rtol=1e-4, atol=1e-4)


def test_clustering_without_masses_is_refused(packed: Packed) -> None:
    level = jet_level((token_level("constituents", ("pt", "eta", "phi"), minimum=1),), ("pt", "eta", "phi"))
    with pytest.raises(RecipeError, match=r"add mass to inputs\.fields"):
        SubjetPatches()(packed, level)
