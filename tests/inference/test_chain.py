"""The one loop over graphs: batches and padding change nothing, and events are their jets and then the head."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
from awkward_jets import random_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bundles import (
    EVENT_WEIGHTS,
    backbone_bytes,
    event_head_bytes,
    event_manifest,
    head_bytes,
    level_of_events,
    tiny_manifest,
)

from coffea_fm.bundle import Graph, Manifest, Output
from coffea_fm.errors import BundleError
from coffea_fm.inference import chain as chain_module
from coffea_fm.inference.chain import Chain, default_batch_tokens
from coffea_fm.inference.sessions import session
from coffea_fm.tokens import Packed, pack

JETS = tiny_manifest()
EVENTS = event_manifest("tiny-event")
GRAPHS = {
    "tiny": {"backbone": backbone_bytes(), "head": head_bytes()},
    "tiny-event": {"backbone": backbone_bytes("FatJet", columns=4), "event-head": event_head_bytes()},
}


def chain_of(manifest: Manifest, **options: object) -> Chain:
    def opened(graph: Graph) -> object:
        data = GRAPHS[manifest.name][graph.name]
        return session(f"{manifest.name}-{graph.name}", data)

    return Chain(manifest, opened, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch_tokens", [1, 64, 10**6])
def test_buckets_and_threads_do_not_change_a_score(
    jets: ak.Array, reference: Callable[[ak.Array], np.ndarray], batch_tokens: int, threads: int
) -> None:
    packed, _ = pack(jets, JETS.level)
    results = chain_of(JETS, threads=threads, batch_tokens=batch_tokens).run(packed, JETS.level, ["scores"])
    np.testing.assert_allclose(results["scores"], reference(ak.flatten(jets)), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), n=st.integers(0, 12), multiple=st.integers(1, 9))
def test_padding_to_any_multiple_gives_the_same(seed: int, n: int, multiple: int) -> None:
    packed = dyadic(random_tree(JETS.level, n, seed, most=9))
    expected = chain_of(JETS).run(packed, JETS.level, ["scores", "embedding"])
    found = chain_of(JETS, batch_tokens=40, multiple=multiple).run(packed, JETS.level, ["scores", "embedding"])
    for name, rows in expected.items():
        np.testing.assert_array_equal(found[name], rows)
    assert np.isfinite(expected["scores"]).all()


def dyadic(packed: Packed) -> Packed:
    """Numbers whose sums are exact in any order."""
    members = {name: replace(each, things=dyadic(each.things)) for name, each in packed.members.items()}
    return replace(packed, values=np.round(packed.values * 16) / 16 + 0.03125, members=members)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), n=st.integers(0, 10))
def test_events_are_their_jets_and_then_the_head(seed: int, n: int) -> None:
    """The chain by hand: every jet as the formula of the tiny backbone, then sums over the jets of each event."""
    level = level_of_events(minimum=1)
    packed = dyadic(random_tree(level, n, seed, most=3))
    results = chain_of(EVENTS).run(packed, level, ["scores"])["scores"]
    of_jet = embedding_by_hand(packed.at(("FatJet",)))
    members = packed.members["FatJet"]
    for event in range(n):
        rows = slice(members.offsets[event], members.offsets[event + 1])
        together = np.hstack([of_jet[rows], members.things.values[rows, 2:]])
        logits = together.sum(axis=0) @ EVENT_WEIGHTS.astype(np.float64)
        weights = np.exp(logits - logits.max())
        np.testing.assert_allclose(results[event], weights / weights.sum(), atol=1e-5)


def embedding_by_hand(jets: Packed) -> np.ndarray:
    tokens = jets.members["constituents"]
    rows = np.zeros((len(jets), 6))
    for jet in range(len(jets)):
        part = slice(tokens.offsets[jet], tokens.offsets[jet + 1])
        ratio = jets.values[jet, 1] / jets.values[jet, 0]
        rows[jet] = [*tokens.things.values[part].sum(axis=0), tokens.things.missing[part].sum(), ratio]
    return rows


def test_a_known_embedding_takes_the_place_of_the_backbone() -> None:
    packed = random_tree(EVENTS.level, 20, seed=4, most=3)
    vectors = chain_of(EVENTS).run(packed.at(("FatJet",)), EVENTS.level.members[0], ["embedding"])["embedding"]
    expected = chain_of(EVENTS).run(packed, EVENTS.level, ["scores"])["scores"]
    assert np.isfinite(expected).all()
    level = chain_of(EVENTS).reads(("scores",), known=("embedding",))
    bare = replace(
        packed,
        members={"FatJet": replace(packed.members["FatJet"], things=replace(packed.at(("FatJet",)), members={}))},
    )
    known = bare.with_known(("FatJet",), {"embedding": vectors})
    opened: list[str] = []
    chain = chain_of(EVENTS)
    spying = replace(chain, session=lambda graph: opened.append(graph.name) or chain.session(graph))
    np.testing.assert_array_equal(spying.run(known, level, ["scores"])["scores"], expected)
    assert opened == ["event-head"]
    twice = known.with_known(("FatJet",), {"embedding": 2 * vectors})
    assert not np.allclose(spying.run(twice, level, ["scores"])["scores"], expected)


def test_jets_of_events_that_are_not_scored_are_not_run() -> None:
    packed = random_tree(EVENTS.level, 20, seed=4, most=3)
    chain = chain_of(EVENTS)
    n_jets: list[int] = []

    class Counting:
        def __init__(self, graph: Graph) -> None:
            self.session, self.name = chain.session(graph), graph.name

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

        def run(self, outputs: list[str], arrays: dict[str, np.ndarray]) -> object:
            if self.name == "backbone":
                n_jets.append(len(arrays["FatJet"]))
            return self.session.run(outputs, arrays)

    usable = np.arange(20) % 4 == 0
    results = replace(chain, session=Counting).run(packed, EVENTS.level, ["scores"], usable=usable)["scores"]
    assert sum(n_jets) == packed.members["FatJet"].counts[usable].sum()
    np.testing.assert_array_equal(np.isfinite(results).all(axis=1), usable)


def test_outputs_of_members_are_one_row_a_member(jets: ak.Array) -> None:
    """A graph that gives a vector for each constituent: here their fields themselves."""
    manifest = Manifest(
        name="echo",
        level=JETS.level,
        outputs=(Output(name="origins", dim=4, level="constituents"),),
        graphs=(Graph(name="echo", file="e.onnx", inputs=("constituents",), outputs=("origins",)),),
    )

    class Echo:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

        def run(self, _: object, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [arrays["constituents"]]

    chain = Chain(manifest, lambda _: Echo(), batch_tokens=50)
    level = chain.reads(("origins",))
    packed, _ = pack(jets, level)
    usable = np.arange(len(packed)) % 3 > 0
    origins = chain.run(packed, level, ["origins"], usable=usable)["origins"]
    run = usable[packed.members["constituents"].parents]
    np.testing.assert_array_equal(origins[run], packed.at(("constituents",)).values[run])
    assert np.isnan(origins[~run]).all()


def test_jets_left_out_are_nan(jets: ak.Array) -> None:
    packed, _ = pack(jets, JETS.level)
    usable = np.isin(np.arange(len(packed)), [2, 5])
    results = chain_of(JETS).run(packed, JETS.level, ["scores", "embedding"], usable=usable)
    for rows in results.values():
        assert np.flatnonzero(np.isfinite(rows).all(axis=1)).tolist() == [2, 5]


def test_batches_follow_the_width_and_the_device() -> None:
    wide = JETS.model_copy(update={"outputs": (JETS.outputs[0], Output(name="embedding", dim=128))})
    assert default_batch_tokens(wide, wide.level) == 512
    assert default_batch_tokens(wide, wide.level, on_gpu=True) > 10_000
    assert default_batch_tokens(wide, replace(wide.level, members=())) > 10_000
    foreign = JETS.model_copy(update={"outputs": JETS.outputs[:1]})
    assert default_batch_tokens(foreign, foreign.level) == 512
    assert default_batch_tokens(EVENTS, EVENTS.level) == chain_module.EVENT_JETS


def test_on_a_gpu_batches_are_large_and_one_after_the_other(jets: ak.Array) -> None:
    packed, _ = pack(jets, JETS.level)
    calls: list[str] = []
    chain = chain_of(JETS, threads=4)

    class OnGPU:
        def __init__(self, graph: Graph) -> None:
            self.session = chain.session(graph)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def run(self, *arguments: object) -> object:
            calls.append(threading.current_thread().name)
            return self.session.run(*arguments)

    replace(chain, session=OnGPU).run(packed, JETS.level, ["scores"])
    assert calls == [threading.main_thread().name] * 2


def test_an_error_in_a_thread_is_not_lost(jets: ak.Array) -> None:
    packed, _ = pack(jets, JETS.level)

    class Broken:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

        def run(self, *_: object) -> None:
            raise RuntimeError("out of memory")

    with pytest.raises(BundleError, match="out of memory"):
        Chain(JETS, lambda _: Broken(), threads=2).run(packed, JETS.level, ["scores"])
