from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from coffea_fm.bundle import Bundle, Graph, Output, load_bundle
from coffea_fm.inference.run import default_batch_tokens, needed, run
from coffea_fm.inference.sessions import session
from coffea_fm.tokens.pack import pack

GRAPHS = (
    Graph(name="a", file="a.onnx", inputs=("raw",), outputs=("embedding", "token_vectors")),
    Graph(name="b", file="b.onnx", inputs=("embedding",), outputs=("scores",)),
    Graph(name="c", file="c.onnx", inputs=("token_vectors",), outputs=("origins",)),
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
    assert [(graph.name, outputs) for graph, outputs in needed(GRAPHS, wanted)] == expected


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch_tokens", [1, 64, 10**6])
def test_buckets_and_threads_do_not_change_a_score(
    bundle: Path, jets: ak.Array, reference: Callable[[ak.Array], np.ndarray], batch_tokens: int, threads: int
) -> None:
    loaded = load_bundle(bundle)
    packed, _ = pack(jets, loaded.manifest.inputs)
    sets = np.flatnonzero(packed.groups["constituents"].lengths)
    results = run(
        packed, loaded.manifest, opener(loaded), ["scores"], sets=sets, threads=threads, batch_tokens=batch_tokens
    )
    np.testing.assert_allclose(results["scores"], reference(ak.flatten(jets)), atol=1e-5)


def test_sets_left_out_are_nan(bundle: Path, jets: ak.Array) -> None:
    loaded = load_bundle(bundle)
    packed, _ = pack(jets, loaded.manifest.inputs)
    results = run(packed, loaded.manifest, opener(loaded), ["scores", "embedding"], sets=np.array([5, 2]))
    for rows in results.values():
        assert np.flatnonzero(np.isfinite(rows).all(axis=1)).tolist() == [2, 5]


def test_batches_follow_the_width_and_the_device(bundle: Path) -> None:
    manifest = load_bundle(bundle).manifest
    wide = manifest.model_copy(update={"outputs": (manifest.outputs[0], Output(name="embedding", dim=128))})
    assert default_batch_tokens(wide, on_gpu=False) == 512
    assert default_batch_tokens(wide, on_gpu=True) > 10_000
    foreign = manifest.model_copy(update={"outputs": manifest.outputs[:1]})
    assert default_batch_tokens(foreign, on_gpu=False) == 512


def test_on_a_gpu_batches_are_large_and_one_after_the_other(bundle: Path, jets: ak.Array) -> None:
    loaded = load_bundle(bundle)
    packed, _ = pack(jets, loaded.manifest.inputs)
    calls: list[str] = []

    class OnGPU:
        def __init__(self, graph: Graph) -> None:
            self.session = session(graph.sha256, loaded.graph_bytes(graph.name))

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def run(self, *arguments: object) -> object:
            calls.append(threading.current_thread().name)
            return self.session.run(*arguments)

    run(packed, loaded.manifest, OnGPU, ["scores"], sets=np.arange(len(packed)), threads=4)
    assert calls == [threading.main_thread().name] * 2


def test_an_error_in_a_thread_is_not_lost(bundle: Path, jets: ak.Array) -> None:
    loaded = load_bundle(bundle)
    packed, _ = pack(jets, loaded.manifest.inputs)

    class Broken:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

        def run(self, *_: object) -> None:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        run(packed, loaded.manifest, lambda _: Broken(), ["scores"], sets=np.arange(len(packed)), threads=2)


def opener(bundle: Bundle) -> Callable[[Graph], object]:
    return lambda graph: session(graph.sha256, bundle.graph_bytes(graph.name))
