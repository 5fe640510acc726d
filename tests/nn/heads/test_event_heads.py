from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from random_events import EVENTS, JETS, events_of
from random_jets import LEVEL, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples, make_inputs, padded_batches
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.features.jets import JetsOfEventFeatures
from coffea_fm.nn.heads import HeadConfig, JetHeadConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Packed, pad

JET_HEAD = JetHeadConfig(config=ClassificationHeadConfig(), classes=("QCD", "Hbb", "Hcc"))
CLASSES = ("background", "signal")
COUNTS = np.array([1, 5, 2, 3])
HEADS = {
    "deep-sets": DeepSetsConfig(hidden=(16, 16), event_hidden=(8,)),
    "deep-sets of scores": DeepSetsConfig(hidden=(16,), reads=("scores",)),
    "transformer": EventTransformerConfig(dim=16, heads=2, layers=1, reads=("embedding", "scores")),
    "transformer of pairs": EventTransformerConfig(dim=16, heads=2, layers=1, pair_bias=True),
}


def build(head: HeadConfig, jet_head: JetHeadConfig | None = JET_HEAD) -> Model:
    config = NetworkConfig(
        level=EVENTS, backbone=SetTransformerConfig(size="tiny"), head=head, classes=CLASSES, jet_head=jet_head
    )
    return config.build()


@pytest.fixture(params=HEADS.values(), ids=HEADS.keys())
def model(request: pytest.FixtureRequest) -> Model:
    network = build(request.param)
    for name, parameter in network.head.named_parameters():
        if "jet_head" not in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def make_events(counts: np.ndarray = COUNTS, seed: int = 0) -> Packed:
    jets, _ = random_jets(int(counts.sum()), seed)
    corrected = jets.values[:, [0, 3]] * [1.1, 1.0]
    return events_of(jets, counts, corrected, np.random.default_rng(seed).uniform(0, 150, (len(jets), 1)))


def jets_of(events: Packed) -> Packed:
    return events.members["FatJet"].things


def given(model: Model, events: Packed) -> Any:
    with torch.no_grad():
        return model(make_inputs(events, EVENTS, 500))


def reordered(events: Packed, order: list[int], counts: list[int]) -> Packed:
    return events_of(jets_of(events).take(np.array(order)), np.array(counts))


def embeddings(model: Model, inputs: Inputs) -> Any:
    with torch.no_grad():
        return model.known(inputs)["FatJet_embedding"]


def test_each_jet_goes_to_its_event(model: Model) -> None:
    """The embeddings, whatever groups of length the jets went through, are those of the jets one by one."""
    events = make_events()
    inputs = make_inputs(events, EVENTS, 300)
    jets = inputs.members["FatJet"]
    assert len(jets.groups) > 1
    found = embeddings(model, inputs)
    with torch.no_grad():
        for event, start in enumerate(np.cumsum(COUNTS) - COUNTS):
            for position in range(COUNTS[event]):
                jet = jets_of(events).take(np.array([start + position]))
                expected = model.backbone(Inputs.from_arrays(pad(jet, JETS), JETS)).embedding[0]
                torch.testing.assert_close(found[event, position], expected, atol=1e-5, rtol=1e-5)
    assert float(found[~jets.mask].abs().max()) == 0.0
    np.testing.assert_array_equal(jets.values[jets.mask], jets_of(events).values)


def test_the_order_of_jets_does_not_matter(model: Model) -> None:
    events = make_events()
    order = [0, *(5, 3, 1, 2, 4), *(7, 6), *(9, 10, 8)]
    torch.testing.assert_close(
        given(model, reordered(events, order, COUNTS.tolist())), given(model, events), atol=1e-5, rtol=1e-5
    )


def test_the_order_of_events_does_not_matter(model: Model) -> None:
    events = make_events()
    order = [*(8, 9, 10), *(1, 2, 3, 4, 5), 0, *(6, 7)]
    found = given(model, reordered(events, order, [3, 5, 1, 2]))
    torch.testing.assert_close(found, given(model, events)[[3, 1, 0, 2]], atol=1e-5, rtol=1e-5)


def test_padding_never_matters(model: Model) -> None:
    """Events alone give what they give beside events of more jets, whatever stands in the padding."""
    events = make_events()
    whole = given(model, events)
    alone = given(model, reordered(events, [6, 7], [2]))
    torch.testing.assert_close(alone[0], whole[2], atol=1e-5, rtol=1e-5)
    inputs = make_inputs(events, EVENTS, 500)
    jets = inputs.members["FatJet"]
    empty = ~jets.mask.unsqueeze(-1)
    with torch.no_grad():
        embedding = embeddings(model, inputs).masked_fill(empty, torch.nan)
        found = model.head(embedding, jets.values.masked_fill(empty, 1e30), jets.mask)
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)


def test_the_number_of_jets_and_their_fields_matter(model: Model) -> None:
    events = make_events()
    fewer = given(model, reordered(events, [0, *range(1, 5), 6, 7, 8, 9, 10], [1, 4, 2, 3]))
    assert float((fewer - given(model, events))[1].abs().max()) > 1e-3
    jets = jets_of(events)
    changed = events_of(replace(jets, values=jets.values * np.float32([1, 1, 1, 1, 1, 1.5, 1])), COUNTS)
    assert float((given(model, changed) - given(model, events)).abs().min(dim=1).values.max()) > 1e-4


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_event(model: Model, value: float) -> None:
    events = make_events()
    expected = given(model, events)
    jets_of(events).values[7, 6] = value
    found = given(model, events)
    assert torch.isnan(found[2]).all()
    torch.testing.assert_close(found[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-6, rtol=1e-6)


def test_batches_hold_every_event_once() -> None:
    counts = np.random.default_rng(0).integers(1, 5, 60)
    examples = Examples(make_events(counts), {"target": np.arange(60)}, np.arange(60, dtype=np.float32))
    batches = list(padded_batches(examples, EVENTS, 200))
    assert len(batches) > 2
    assert torch.cat([batch.columns["target"] for batch in batches]).tolist() == list(range(60))
    assert torch.cat([batch.weight for batch in batches]).tolist() == list(range(60))
    assert sum(int(batch.inputs.members["FatJet"].mask.sum()) for batch in batches) == counts.sum()
    assert sum(len(batch.inputs.members["FatJet"].slots) for batch in batches) == counts.sum()


def test_known_embeddings_take_the_place_of_the_backbone(model: Model) -> None:
    events = make_events()
    inputs = make_inputs(events, EVENTS, 500)
    embedding = embeddings(model, inputs)[inputs.members["FatJet"].mask].numpy()
    known = events.with_known(("FatJet",), {"embedding": embedding})
    jets = known.members["FatJet"]
    without_tokens = replace(known, members={"FatJet": replace(jets, things=replace(jets.things, members={}))})
    with torch.no_grad():
        found = model(make_inputs(without_tokens, EVENTS, 500))
    torch.testing.assert_close(found, given(model, events), atol=1e-6, rtol=1e-6)


def test_features_by_hand() -> None:
    features = JetsOfEventFeatures(JETS, ("pt", "eta", "phi", "mass", "msoftdrop"))
    first, second = [8.0, 1.5, 3.0, 8.0, 300.0, 100.0, -1.0], [8.0, -9.0, -3.0, 8.0, 500.0, 0.0, 80.0]
    jets = torch.tensor([[first, second, [9.0] * 7]])
    mask = torch.tensor([[True, True, False]])
    found = features(jets, mask)[0]
    turn = 3.0 - (-3.0)
    expected = [np.log(300) - 6, 1.5, np.cos(turn), np.sin(turn), np.log(100) - 4.5, 0.0 - 4.0]
    torch.testing.assert_close(found[0], torch.tensor(expected, dtype=torch.float32))
    torch.testing.assert_close(found[1, 1:4], torch.tensor([-5.0, 1.0, 0.0]))
    assert found[2].tolist() == [0.0] * features.n_features


def test_what_a_head_needs_is_named() -> None:
    with pytest.raises(RecipeError, match=r"head.reads: the scores of jets come from the head of the checkpoint"):
        build(HEADS["deep-sets of scores"], jet_head=None)
    with pytest.raises(RecipeError, match="relative to the leading one: add pt"):
        JetsOfEventFeatures(JETS, ("phi",))
    with pytest.raises(RecipeError, match="event heads need the jet fields msoftdrop"):
        JetsOfEventFeatures(LEVEL, ("eta", "msoftdrop"))
    model = build(EventTransformerConfig(dim=16, heads=2, layers=1, pair_bias=True, fields=("pt", "eta")))
    with pytest.raises(RecipeError, match="features of pairs of jets need their phi, mass"):
        model.head(torch.zeros(1, 2, 32), torch.ones(1, 2, 7), torch.ones(1, 2, dtype=torch.bool))
