"""The ways to run each network, and their turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import awkward as ak
import by_hand
import numpy as np
import ours
import raw
from arithmetic import flops, gemm_rate
from exported import flops as operations
from exported import make
from jets import load_jets
from memory import growth

from coffea_fm.bundle import Bundle, load_bundle
from coffea_fm.export.check import open_session
from coffea_fm.inference import Tagger, load
from coffea_fm.inference.chain import MULTIPLE, default_batch_tokens
from coffea_fm.tokens import length_buckets
from coffea_fm.tokens.padding import padded_length

SESSION_BATCH, SORTED_BATCH = 128, 16
LARGEST_DIFFERENCE = 2e-3
"""Weaver's m² of collinear pairs is rounding noise in single precision, which moves scores by up to 1e-3."""
BEST = "(b2) sorted by length, batches of 16 cut to their longest"

Way = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Network:
    """One network with the ways to run it.

    Parameters
    ----------
    name : str
    ways : dict of str to tuple
        By name: the function, and the number of jets that it runs.
    filled : dict of str to float
        Share of padded slots that are filled.
    bound : float, optional
        Jets per second that arithmetic allows.
    """

    name: str
    ways: dict[str, tuple[Way, int]]
    filled: dict[str, float] = field(default_factory=dict)
    bound: float | None = None


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    way: str
    rate: float
    ratio: float
    lowest: float
    highest: float
    filled: float
    memory: float
    difference: float


def part(folder: Path, n_jets: int, n_slow: int) -> tuple[Network, float]:
    """ParT with weaver's weights, and the rate of matrix products."""
    weights = by_hand.make_weights()
    by_hand.export_torchscript(weights, folder / "part.pt")
    by_hand.export_onnx(weights, folder / "part.onnx")
    tagger = ours.make_tagger(weights, folder / "bundle")
    jets = load_jets(n_jets)
    flat = ak.flatten(jets)
    few = flat[:n_slow]
    wrapper = by_hand.ParTWrapper(str(folder / "part.pt"))
    session = by_hand.open_session(folder / "part.onnx")
    ways: dict[str, tuple[Way, int]] = {
        "(a) `coffea.ml_tools.torch_wrapper`, padded to 128": (lambda: np.asarray(wrapper(few)), n_slow),
        "(b) onnxruntime, padded to 128": (
            lambda: by_hand.run_session(session, by_hand.prepare(few), SESSION_BATCH),
            n_slow,
        ),
        BEST: (lambda: by_hand.run_sorted(session, by_hand.prepare(flat), SORTED_BATCH), n_jets),
        "(c) coffea-fm": (lambda: ours.tag(tagger, jets), n_jets),
    }
    lengths = _lengths(flat)
    rate = gemm_rate()
    bound = rate * n_jets / flops(lengths)
    filled = _filled(lengths, n_slow, default_batch_tokens(tagger.manifest, tagger.manifest.level))
    return Network("ParT, 2,143,486 parameters", ways, filled, bound), rate


def shipped(name: str, n_jets: int, n_slow: int) -> Network:
    """A bundle of the zoo, whose raw columns are padded by hand."""
    return by_graph(load_bundle(name), load(name, threads=1), name, n_jets, n_slow)


def by_graph(bundle: Bundle, tagger: Tagger, name: str, n_jets: int, n_slow: int) -> Network:
    """The ways to run the graphs of a bundle."""
    sessions = {graph: open_session(data) for graph, data in bundle.graphs.items()}
    level = bundle.manifest.level
    jets = load_jets(n_jets)
    flat = ak.flatten(jets)
    few = flat[:n_slow]
    ways: dict[str, tuple[Way, int]] = {
        "(b) onnxruntime, padded to 128": (
            lambda: raw.run(bundle, sessions, raw.prepare(few, level), SESSION_BATCH, by_length=False),
            n_slow,
        ),
        BEST: (lambda: raw.run(bundle, sessions, raw.prepare(flat, level), SORTED_BATCH, by_length=True), n_jets),
        "(c) coffea-fm": (lambda: ours.tag(tagger, jets), n_jets),
    }
    return Network(name, ways, _filled(_lengths(flat), n_slow, default_batch_tokens(bundle.manifest, level)))


def exported(name: str, folder: Path, n_jets: int, n_slow: int, rate: float) -> Network:
    """A network of random weights, exported by us."""
    model, wrapper, bundle = make(name, folder)
    network = by_graph(bundle, load(folder / "bundle", threads=1), name, n_jets, n_slow)
    flat = ak.flatten(load_jets(n_jets))
    few = flat[:n_slow]
    ways = {"(a) `coffea.ml_tools.torch_wrapper`, padded to 128": (lambda: np.asarray(wrapper(few)), n_slow)}
    bound = rate * n_jets / operations(model, _lengths(flat))
    return replace(network, ways=ways | network.ways, bound=bound)


def measure(network: Network, turns: int) -> list[Measured]:
    """Rates of all ways, in turns.

    Raises
    ------
    SystemExit
        If the ways do not compute the same network.
    """
    results, memory = {}, {}
    for name, (way, _) in network.ways.items():  # also warms up
        memory[name], results[name] = growth(way)
    rates: dict[str, list[float]] = {name: [] for name in network.ways}
    for _ in range(turns):
        for name, (way, n_jets) in network.ways.items():
            start = time.process_time()
            way()
            rates[name].append(n_jets / (time.process_time() - start))
            print(f"{network.name}: {name}: {rates[name][-1]:.0f} jets/s", flush=True)
    best = results[BEST]
    rows = []
    for name, values in rates.items():
        ratios = [value / other for value, other in zip(values, rates[BEST], strict=True)]
        difference = float(np.abs(results[name] - best[: len(results[name])]).max())
        if difference > LARGEST_DIFFERENCE:
            raise SystemExit(f"{name} does not compute the same network: scores differ by {difference:.1e}")
        rows.append(
            Measured(
                name,
                statistics.median(values),
                statistics.median(ratios),
                min(ratios),
                max(ratios),
                network.filled.get(name[:4].strip(), 0.0),
                memory[name],
                difference,
            )
        )
    if network.bound:
        ratios = [network.bound / value for value in rates[BEST]]
        whole = (network.bound, statistics.median(ratios), min(ratios), max(ratios))
        rows.append(Measured("(d) bound: real tokens at onnxruntime's matrix rate", *whole, 0.0, 0.0, 0.0))
    return rows


def _lengths(flat: ak.Array) -> np.ndarray:
    return np.minimum(ak.to_numpy(ak.num(flat.constituents)), by_hand.N_SLOTS)


def _filled(lengths: np.ndarray, n_slow: int, batch_tokens: int) -> dict[str, float]:
    """Share of the slots that are filled, by the first letters of a way."""
    fixed = float(lengths[:n_slow].mean()) / by_hand.N_SLOTS
    ordered = np.sort(lengths)[::-1]
    slots = sum(ordered[at] * len(ordered[at : at + SORTED_BATCH]) for at in range(0, len(ordered), SORTED_BATCH))
    buckets = length_buckets(lengths, batch_tokens, MULTIPLE)
    ours_slots = sum(int(padded_length(lengths[bucket[:1]], MULTIPLE)[0]) * len(bucket) for bucket in buckets)
    total = float(lengths.sum())
    return {"(a)": fixed, "(b)": fixed, "(b2)": total / slots, "(c)": total / ours_slots}
