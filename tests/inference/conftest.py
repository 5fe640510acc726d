"""A bundle whose scores anyone can recompute: masked sums of raw columns, weighted and put through a softmax."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from tiny_bundles import MAX_TOKENS, WEIGHTS, save_tiny, save_tiny_event

import coffea_fm
from coffea_fm.inference.reuse import sharing


@pytest.fixture
def bundle(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A bundle of its own for every test, so that what is done once a process is done once a test."""
    return save_tiny(tmp_path / "tiny", f"tiny-{named_after(request)}")


@pytest.fixture
def event_bundle(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The same of events."""
    return save_tiny_event(tmp_path / "tiny-event", f"event-{named_after(request)}")


def named_after(request: pytest.FixtureRequest) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.nodeid)


@pytest.fixture(autouse=True)
def no_shared_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tiny bundles have the same backbone: do not let one test answer for another."""
    for name in ("_models", "_memories"):
        monkeypatch.setattr(sharing, name, {})


@pytest.fixture
def rows_run(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many things each graph of any tagger has run for, by its name."""
    counted: Counter[str] = Counter()
    session = coffea_fm.Tagger._session

    class Counting:
        def __init__(self, name: str, inner: Any) -> None:
            self.name, self.inner = name, inner

        def get_providers(self) -> list[str]:
            return self.inner.get_providers()

        def run(self, outputs: list[str], arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
            counted[self.name] += len(next(iter(arrays.values())))
            return self.inner.run(outputs, arrays)

    monkeypatch.setattr(
        coffea_fm.Tagger, "_session", lambda tagger, graph: Counting(graph.name, session(tagger, graph))
    )
    return counted


@pytest.fixture
def reference() -> Callable[[ak.Array], np.ndarray]:
    """Scores of a flat list of jets by plain Python, in float64: [n_jets, 3]."""

    def scores(jets: ak.Array) -> np.ndarray:
        rows = []
        for jet in ak.to_list(jets[["pt", "mass", "constituents"]]):
            tokens = sorted(jet["constituents"], key=lambda token: -token["pt"])[:MAX_TOKENS]
            sums = [sum(token[name] or 0.0 for token in tokens) for name in ("pt", "eta", "charge", "d0")]
            lacking = sum(token["d0"] is None for token in tokens)
            logits = np.array([*sums, lacking, jet["mass"] / jet["pt"]]) @ WEIGHTS.astype(np.float64)
            weights = np.exp(logits - logits.max())
            rows.append(weights / weights.sum() if tokens else np.full(3, np.nan))
        return np.array(rows).reshape(-1, 3)

    return scores


def make_jets(n_events: int, seed: int) -> ak.Array:
    """Events of 0 to 4 jets of 0 to 40 constituents, some without d0; dyadic numbers, so that sums are exact."""
    rng = np.random.default_rng(seed)
    n_jets = rng.integers(0, 5, n_events)
    n_tokens = rng.integers(0, 41, n_jets.sum())
    total = int(n_tokens.sum())
    d0 = ak.mask(rng.integers(-64, 64, total).astype(np.float32) / 64, rng.random(total) > 0.3)
    tokens = ak.zip(
        {
            "pt": rng.integers(1, 4096, total).astype(np.float32) / 512,
            "eta": rng.integers(-128, 128, total).astype(np.float32) / 64,
            "charge": rng.integers(-1, 2, total).astype(np.float32),
            "d0": d0,
            "unused": np.zeros(total),
        }
    )
    jets = ak.Array(
        {
            "pt": rng.uniform(200, 1000, len(n_tokens)).astype(np.float32),
            "mass": rng.uniform(10, 200, len(n_tokens)).astype(np.float32),
            "constituents": ak.unflatten(tokens, n_tokens),
        }
    )
    return ak.unflatten(jets, n_jets)


@pytest.fixture
def jets() -> ak.Array:
    return make_jets(40, seed=1)


@pytest.fixture
def random_jets() -> Callable[[int, int], ak.Array]:
    return make_jets


def write_jets(path: Path, n_jets: int, seed: int) -> None:
    """A file in JetClass layout; every seventh jet has no constituents."""
    rng = np.random.default_rng(seed)
    n_tokens = rng.integers(1, 40, n_jets) * (np.arange(n_jets) % 7 > 0)
    total = int(n_tokens.sum())
    momentum = rng.normal(0, 3, size=(3, total))
    charge = rng.integers(-1, 2, total)
    columns = {
        "px": momentum[0],
        "py": momentum[1],
        "pz": momentum[2],
        "energy": np.sqrt((momentum**2).sum(axis=0) + 0.02),
        "charge": charge,
        "d0val": rng.normal(0, 0.1, total) * abs(charge),
        "d0err": 0.02 * abs(charge),
        "dzval": rng.normal(0, 0.1, total) * abs(charge),
        "dzerr": 0.02 * abs(charge),
    }
    jets = {"pt": rng.uniform(500, 1000, n_jets), "eta": rng.uniform(-2, 2, n_jets), "phi": rng.uniform(-3, 3, n_jets)}
    jets["energy"] = 1.1 * jets["pt"] * np.cosh(jets["eta"])
    tree = {f"jet_{name}": values.astype(np.float32) for name, values in jets.items()}
    for name, values in columns.items():
        tree[f"part_{name}"] = ak.unflatten(values.astype(np.float32), n_tokens)
    with uproot.recreate(path) as file:
        file.mktree(
            "tree",
            {
                name: values.type.content if isinstance(values, ak.Array) else values.dtype
                for name, values in tree.items()
            },
        ).extend(tree)


@pytest.fixture
def jetclass_file(tmp_path: Path) -> Path:
    write_jets(tmp_path / "jets.root", 100, seed=3)
    return tmp_path / "jets.root"
