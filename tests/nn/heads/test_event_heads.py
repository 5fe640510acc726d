from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from random_jets import SPEC, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.event_batches import event_batches, event_inputs
from coffea_fm.nn.event_features import EventFeatures
from coffea_fm.nn.events import EventModel, JetHead, build_event_model
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import PackedSets, PackedTokens, event_collection, pad
from coffea_fm.tokens.events import JetsOfEvents, nest

COLLECTION = event_collection("FatJet", maximum=5)
JET_HEAD = JetHead(config=ClassificationHeadConfig(), classes=("QCD", "Hbb", "Hcc"))
COUNTS = np.array([1, 5, 2, 3])
HEADS = {
    "deep-sets": DeepSetsConfig(hidden=(16, 16), event_hidden=(8,)),
    "deep-sets of scores": DeepSetsConfig(hidden=(16,), reads=("scores",)),
    "transformer": EventTransformerConfig(dim=16, heads=2, layers=1, reads=("embedding", "scores")),
    "transformer of pairs": EventTransformerConfig(dim=16, heads=2, layers=1, pair_bias=True),
}


@pytest.fixture(params=HEADS.values(), ids=HEADS.keys())
def model(request: pytest.FixtureRequest) -> EventModel:
    network = build_event_model(SetTransformerConfig(size="tiny"), request.param, SPEC, COLLECTION, 2, JET_HEAD)
    for parameter in network.head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def make_events(counts: np.ndarray = COUNTS, seed: int = 0) -> JetsOfEvents:
    jets, _ = random_jets(int(counts.sum()), seed)
    columns = (jets.jet * [1.1, 1.0, 1.0, 1.0], np.random.default_rng(seed).uniform(0, 150, (len(jets), 1)))
    return JetsOfEvents(jets, counts, np.hstack(columns).astype(np.float32))


def given(model: EventModel, events: JetsOfEvents) -> Any:
    with torch.no_grad():
        return model(event_inputs(nest(events, SPEC, COLLECTION), SPEC, COLLECTION, 500))


def reordered(events: JetsOfEvents, order: list[int], counts: list[int]) -> JetsOfEvents:
    return JetsOfEvents(events.jets.take(np.array(order)), np.array(counts), events.features[order])


def test_each_jet_goes_to_its_event(model: EventModel) -> None:
    """The embeddings, whatever groups of length the jets went through, are those of the jets one by one."""
    events = make_events()
    inputs = event_inputs(nest(events, SPEC, COLLECTION), SPEC, COLLECTION, 300)
    assert len(inputs.groups) > 1
    with torch.no_grad():
        found = model.embeddings(inputs)
        for event, start in enumerate(np.cumsum(COUNTS) - COUNTS):
            for position in range(COUNTS[event]):
                jet = events.jets.take(np.array([start + position]))
                expected = model.backbone(Inputs.from_arrays(pad(jet, SPEC), SPEC)).embedding[0]
                torch.testing.assert_close(found[event, position], expected, atol=1e-5, rtol=1e-5)
    assert float(found[~inputs.mask].abs().max()) == 0.0
    np.testing.assert_array_equal(inputs.jets[inputs.mask], events.features)


def test_the_order_of_jets_does_not_matter(model: EventModel) -> None:
    events = make_events()
    order = [0, *(5, 3, 1, 2, 4), *(7, 6), *(9, 10, 8)]
    torch.testing.assert_close(
        given(model, reordered(events, order, COUNTS.tolist())), given(model, events), atol=1e-5, rtol=1e-5
    )


def test_the_order_of_events_does_not_matter(model: EventModel) -> None:
    events = make_events()
    order = [*(8, 9, 10), *(1, 2, 3, 4, 5), 0, *(6, 7)]
    found = given(model, reordered(events, order, [3, 5, 1, 2]))
    torch.testing.assert_close(found, given(model, events)[[3, 1, 0, 2]], atol=1e-5, rtol=1e-5)


def test_padding_never_matters(model: EventModel) -> None:
    """Events alone give what they give beside events of more jets, whatever stands in the padding."""
    events = make_events()
    whole = given(model, events)
    alone = given(model, reordered(events, [6, 7], [2]))
    torch.testing.assert_close(alone[0], whole[2], atol=1e-5, rtol=1e-5)
    inputs = event_inputs(nest(events, SPEC, COLLECTION), SPEC, COLLECTION, 500)
    with torch.no_grad():
        embedding = model.embeddings(inputs).masked_fill(~inputs.mask.unsqueeze(-1), torch.nan)
        jets = inputs.jets.masked_fill(~inputs.mask.unsqueeze(-1), 1e30)
        torch.testing.assert_close(model.logits(embedding, jets, inputs.mask), whole, atol=1e-5, rtol=1e-5)


def test_the_number_of_jets_and_their_fields_matter(model: EventModel) -> None:
    events = make_events()
    fewer = given(model, reordered(events, [0, *range(1, 5), 6, 7, 8, 9, 10], [1, 4, 2, 3]))
    assert float((fewer - given(model, events))[1].abs().max()) > 1e-3
    changed = events._replace(features=events.features * np.float32([1, 1, 1, 1.5, 1]))
    assert float((given(model, changed) - given(model, events)).abs().min(dim=1).values.max()) > 1e-4


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_event(model: EventModel, value: float) -> None:
    events = make_events()
    expected = given(model, events)
    events.features[7, 4] = value
    found = given(model, events)
    assert torch.isnan(found[2]).all()
    torch.testing.assert_close(found[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-6, rtol=1e-6)


def test_batches_hold_every_event_once() -> None:
    counts = np.random.default_rng(0).integers(1, 5, 60)
    packed = nest(make_events(counts), SPEC, COLLECTION)
    examples = Examples(packed, {"target": np.arange(60)}, np.arange(60, dtype=np.float32))
    batches = list(event_batches(examples, SPEC, COLLECTION, 200))
    assert len(batches) > 2
    assert torch.cat([batch.columns["target"] for batch in batches]).tolist() == list(range(60))
    assert torch.cat([batch.weight for batch in batches]).tolist() == list(range(60))
    assert sum(int(batch.inputs.mask.sum()) for batch in batches) == counts.sum()
    assert sum(len(batch.inputs.slots) for batch in batches) == counts.sum()


def test_known_embeddings_take_the_place_of_the_backbone(model: EventModel) -> None:
    events = make_events()
    packed = nest(events, SPEC, COLLECTION)
    inputs = event_inputs(packed, SPEC, COLLECTION, 500)
    with torch.no_grad():
        embedding = model.embeddings(inputs)
    members = packed.groups["FatJet"]
    values = np.hstack([members.values, embedding[inputs.mask].numpy()])
    known = PackedSets({"FatJet": PackedTokens(values, members.lengths, members.missing)}, packed.jet)
    with torch.no_grad():
        found = model(event_inputs(known, SPEC, COLLECTION, 500))
    torch.testing.assert_close(found, given(model, events), atol=1e-6, rtol=1e-6)


def test_features_by_hand() -> None:
    features = EventFeatures(COLLECTION)
    jets = torch.tensor([[[300.0, 1.5, 3.0, 100.0, -1.0], [500.0, -9.0, -3.0, 0.0, 80.0], [9.0, 9.0, 9.0, 9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    found = features(jets, mask)[0]
    turn = 3.0 - (-3.0)
    expected = [np.log(300) - 6, 1.5, np.cos(turn), np.sin(turn), np.log(100) - 4.5, 0.0 - 4.0]
    torch.testing.assert_close(found[0], torch.tensor(expected, dtype=torch.float32))
    torch.testing.assert_close(found[1, 1:4], torch.tensor([-5.0, 1.0, 0.0]))
    assert found[2].tolist() == [0.0] * features.n_features


def test_what_a_head_needs_is_named() -> None:
    backbone = SetTransformerConfig(size="tiny")
    with pytest.raises(RecipeError, match=r"head.reads: the scores of jets come from the head of the checkpoint"):
        build_event_model(backbone, HEADS["deep-sets of scores"], SPEC, COLLECTION, 2)
    with pytest.raises(RecipeError, match="relative to the hardest of them: add pt"):
        EventFeatures(event_collection("FatJet", ("phi",), order="stored"))
    few = event_collection("FatJet", ("pt", "eta"))
    model = build_event_model(backbone, HEADS["transformer of pairs"], SPEC, few, 2)
    with pytest.raises(RecipeError, match="features of pairs of jets need their phi, mass"):
        model.head(torch.zeros(1, 2, 32), torch.ones(1, 2, 2), torch.ones(1, 2, dtype=torch.bool))
