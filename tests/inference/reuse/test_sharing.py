from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import onnx
import pytest
from coffea.processor import IterativeExecutor, ProcessorABC, Runner
from tiny_bundles import WEIGHTS, backbone_bytes, head_bytes, save_tiny, tiny_manifest

import coffea_fm
from coffea_fm.bundle import Graph, Output, save_bundle
from coffea_fm.inference.reuse import sharing
from coffea_fm.inference.reuse.memory import Memory
from coffea_fm.schemas.jetclass import JetClassSchema


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


@pytest.fixture
def two(tmp_path: Path) -> tuple[coffea_fm.Tagger, coffea_fm.Tagger]:
    """Two taggers with one backbone, in a process that knows no others."""
    first = coffea_fm.load(save_tiny(tmp_path / "first", "first"))
    return first, coffea_fm.load(save_tiny(tmp_path / "second", "second", -WEIGHTS))


def usable(jets: ak.Array) -> int:
    return int(ak.sum(ak.num(ak.flatten(jets).constituents) > 0))


def test_taggers_that_share_a_backbone_run_it_once(
    two: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jets: ak.Array, rows_run: Counter[str], tmp_path: Path
) -> None:
    first, second = two
    a, b = first(jets), second(jets)
    assert rows_run == {"backbone": usable(jets), "head": 2 * usable(jets)}
    assert not same(a.Hbb, b.Hbb)
    monkey = coffea_fm.load(save_tiny(tmp_path / "alone", "alone", 3 * WEIGHTS))
    sharing._memories.clear()
    assert same(second(jets), b)
    assert coffea_fm.report(b).counts == coffea_fm.report(a).counts
    assert not same(monkey(jets).Hbb, b.Hbb)


class Both(ProcessorABC):
    """Two taggers, called one after the other."""

    def __init__(self, first: coffea_fm.Tagger, second: coffea_fm.Tagger) -> None:
        self.first, self.second = first, second

    def process(self, events: ak.Array) -> dict[str, int]:
        hard = events.Jet[events.Jet.pt > 600]
        reports = [coffea_fm.report(scores) for scores in (self.first(events.Jet), self.second(hard))]
        return {"first": reports[0].counts["jets"], "second": reports[1].counts["jets"]}

    def postprocess(self, accumulator: dict[str, int]) -> None: ...


@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
def test_in_a_processor_too(
    two: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jetclass_file: Path, rows_run: Counter[str]
) -> None:
    runner = Runner(IterativeExecutor(status=False), chunksize=30, schema=JetClassSchema)
    counts = runner({"jets": {"files": {str(jetclass_file): "tree"}}}, Both(*two))
    assert counts["first"] == 100
    assert 0 < counts["second"] < 100
    assert rows_run["backbone"] == 85  # those with constituents, once
    assert rows_run["head"] > 85


def test_any_selection_and_order_is_recognised(
    two: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jets: ak.Array, rows_run: Counter[str]
) -> None:
    first, second = two
    hard = jets[jets.pt > 500][:, ::-1]
    first(hard)
    assert rows_run["backbone"] == usable(hard)
    scores = second(jets)
    assert rows_run["backbone"] == usable(jets)
    pickled = pickle.loads(pickle.dumps(first))
    copied = ak.from_iter(ak.to_list(jets))  # in other places of memory
    pickled(copied)
    assert rows_run["backbone"] == usable(jets)
    assert same(scores[jets.pt > 500][:, ::-1], second(hard))


def test_scores_of_stored_embeddings_need_no_backbone(
    two: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jets: ak.Array, rows_run: Counter[str]
) -> None:
    first, second = two
    embedding = first.embed(jets)
    rows_run.clear()
    assert same(second.score(embedding), second(jets))
    assert "backbone" not in rows_run


def test_changed_jets_are_run(
    two: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jets: ak.Array, rows_run: Counter[str]
) -> None:
    first, second = two
    first(jets)
    changed = ak.with_field(jets, jets.mass * 2, "mass")
    second(changed)
    assert rows_run["backbone"] == 2 * usable(jets)


def test_a_model_alone_remembers_nothing(tmp_path: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(save_tiny(tmp_path / "tiny", "alone"))
    tagger(jets)
    assert not sharing._memories


def test_several_heads_of_a_bundle_run_the_backbone_once(
    tmp_path: Path, jets: ak.Array, rows_run: Counter[str]
) -> None:
    manifest = tiny_manifest("heads")
    other = onnx.load_from_string(head_bytes(-WEIGHTS))
    other.graph.node[-1].output[0] = other.graph.output[0].name = "others"
    manifest = manifest.model_copy(
        update={
            "outputs": (*manifest.outputs, Output(name="others", dim=3, classes=("a", "b", "c"))),
            "graphs": (
                *manifest.graphs,
                Graph(name="second", file="second.onnx", inputs=("embedding",), outputs=("others",)),
            ),
        }
    )
    graphs = {"backbone": backbone_bytes(), "head": head_bytes(), "second": other.SerializeToString()}
    save_bundle(tmp_path / "heads", manifest, graphs, "")
    tagged = coffea_fm.load(tmp_path / "heads")(jets, outputs=("scores", "others", "embedding"))
    n = usable(jets)
    assert rows_run == {"backbone": n, "head": n, "second": n}
    assert tagged.others.fields == ["a", "b", "c"]


def test_what_a_model_was_trained_on_does_not_make_it_another() -> None:
    plain = onnx.load_from_string(backbone_bytes())
    described = onnx.load_from_string(backbone_bytes())
    onnx.helper.set_model_props(described, {"coffea_fm": "ranges"})
    kept = [sharing._without_metadata(model.SerializeToString()) for model in (plain, described)]
    assert kept[0] == kept[1]
    assert onnx.load_from_string(kept[1]) == plain


def test_memory_keeps_the_last_call_and_at_most_so_many_rows() -> None:
    memory = Memory(most=5)
    asked: list[list[bytes]] = []

    def compute(keys: list[bytes]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        def rows(new: np.ndarray) -> dict[str, np.ndarray]:
            asked.append([keys[row] for row in new])
            return {"x": np.array([[float(keys[row])] for row in new])}

        return rows

    for keys in ([b"1", b"2"], [b"2", b"3", b"1"], [b"4", b"2", b"5", b"6"], [b"6", b"4"], [b"1"]):
        assert memory.complete(keys, compute(keys))["x"].ravel().tolist() == [float(key) for key in keys]
    assert asked == [[b"1", b"2"], [b"3"], [b"4", b"5", b"6"], [b"1"]]
    assert len(memory) == 5
