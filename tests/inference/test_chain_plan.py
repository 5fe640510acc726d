"""Which graphs a chain runs, and what it reads for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_bundles import event_manifest, level_of_jets

from coffea_fm.bundle import Graph, Manifest, Output
from coffea_fm.inference.chain import Chain
from coffea_fm.tokens import Level, jet_level, token_level

EVENTS = event_manifest("tiny-event")


def no_session(graph: Graph) -> object:
    raise AssertionError(f"{graph.name} was opened")


def plan(manifest: Manifest, wanted: list[str], known: tuple[str, ...] = ()) -> list[tuple[str, list[str]]]:
    return [(graph.name, outputs) for graph, outputs in Chain(manifest, no_session).steps(wanted, known)]


def three_graphs() -> Manifest:
    level = jet_level(
        (token_level("constituents", ("pt",), minimum=1), token_level("vertices", ("eta", "pt"))), ("pt",)
    )
    raw = ("constituents", "constituents_mask")
    return Manifest(
        name="three",
        level=level,
        outputs=(
            Output(name="scores", dim=2),
            Output(name="embedding", dim=4),
            Output(name="origins", dim=3, level="constituents"),
        ),
        graphs=(
            Graph(name="a", file="a.onnx", inputs=raw, outputs=("embedding", "token_vectors")),
            Graph(name="b", file="b.onnx", inputs=("embedding", "jet"), outputs=("scores",)),
            Graph(name="c", file="c.onnx", inputs=("token_vectors",), outputs=("origins",)),
        ),
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["scores"], [("a", ["embedding"]), ("b", ["scores"])]),
        (["embedding"], [("a", ["embedding"])]),
        (["origins"], [("a", ["token_vectors"]), ("c", ["origins"])]),
        (["origins", "embedding"], [("a", ["embedding", "token_vectors"]), ("c", ["origins"])]),
    ],
)
def test_only_needed_graphs_and_outputs_run(wanted: list[str], expected: list[tuple[str, list[str]]]) -> None:
    assert plan(three_graphs(), wanted) == expected


def test_what_is_known_is_not_computed_again() -> None:
    assert plan(three_graphs(), ["scores"], ("embedding",)) == [("b", ["scores"])]
    assert plan(three_graphs(), ["embedding"], ("embedding",)) == []
    assert plan(EVENTS, ["scores"]) == [("backbone", ["embedding"]), ("event-head", ["scores"])]
    assert plan(EVENTS, ["scores"], ("embedding",)) == [("event-head", ["scores"])]


def test_the_lowest_level_runs_first_whatever_the_order_of_the_manifest() -> None:
    """A graph of jets behind one of events may read what jets were given before."""
    extra = Graph(name="jet-head", file="j.onnx", level="FatJet", inputs=("embedding",), outputs=("tags",))
    both = EVENTS.model_copy(
        update={
            "graphs": (*EVENTS.graphs, extra),
            "outputs": (*EVENTS.outputs, Output(name="tags", dim=1, level="FatJet")),
        }
    )
    assert [name for name, _ in plan(both, ["scores", "tags"])] == ["backbone", "jet-head", "event-head"]


def test_only_the_part_of_the_tree_that_graphs_read_is_packed() -> None:
    chain = Chain(three_graphs(), no_session)
    whole = chain.manifest.level
    constituents, _ = whole.members
    assert chain.reads(("scores",)) == replace(whole, members=(constituents,))
    assert chain.reads(("embedding",)) == replace(whole, members=(constituents,), fields=())
    assert chain.reads(("scores",), known=("embedding",)) == replace(whole, members=())
    events = Chain(EVENTS, no_session)
    (jets,) = EVENTS.level.members
    assert events.reads(("scores",)) == EVENTS.level
    assert events.reads(("embedding",)) == jets
    assert events.reads(("scores",), known=("embedding",)) == Level("event", members=(replace(jets, members=()),))


def test_members_of_which_only_the_number_is_read_keep_what_orders_them() -> None:
    """Which of them are the first would not be known otherwise, nor that their branch is read."""
    counting = Graph(name="a", file="a.onnx", inputs=("constituents_mask",), outputs=("embedding",))
    manifest = Manifest(
        name="counting", level=level_of_jets(), outputs=(Output(name="embedding", dim=1),), graphs=(counting,)
    )
    level = Chain(manifest, no_session).reads(("embedding",))
    assert (level.names, level.members[0].names) == ((), ("pt",))
