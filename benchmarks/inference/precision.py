"""Ways to run ParT in reduced precision, each with its speed, its differences and what a jet's batch does to its score.

Run ``python benchmarks/inference/precision.py BUNDLE SHARDS`` with a *trained* network of ParT's size and labelled jets
that it was not trained on. Writes ``precision.md`` beside this file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ways import WAYS, Observed

from coffea_fm.bundle import Bundle, load_bundle
from coffea_fm.evaluation.paired import paired
from coffea_fm.export.check import open_session
from coffea_fm.export.int8 import Recorder, folded, products, with_outputs
from coffea_fm.inference.chain import Chain
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Packed

SCALES, PIECE, ROWS_KEPT = 500, 53, 8


class ColumnRecorder(Recorder):
    """Also records the ranges of columns, and some rows."""

    def __init__(self, session: Any, names: Sequence[str]) -> None:
        super().__init__(session, names)
        self.seen, self.random, self.kept = Observed(), np.random.default_rng(0), {name: [] for name in names}

    def run(self, outputs: Sequence[str], arrays: Mapping[str, Any]) -> list[Any]:
        """Run the session, and look at the values."""
        results = self.session.run([*outputs, *self.names], arrays)
        for name, values in zip(self.names, results[len(outputs) :], strict=True):
            rows = values.reshape(-1, values.shape[-1])
            low, high = rows.min(axis=0), rows.max(axis=0)
            self.seen.low[name] = np.minimum(low, self.seen.low.get(name, low))
            self.seen.high[name] = np.maximum(high, self.seen.high.get(name, high))
            self.kept[name].append(rows[self.random.integers(len(rows), size=ROWS_KEPT)])
        return list(results[: len(outputs)])


def main() -> None:
    """Measure all ways in turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("data", type=Path)
    parser.add_argument("--jets", type=int, default=3000, help="jets for the differences")
    parser.add_argument("--timed", type=int, default=400, help="jets in a turn of the clock")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    data = ShardDataset(options.data, bundle.manifest.level)
    packed, columns = data.read(data.row_groups)
    order = np.random.default_rng(0).permutation(len(packed))
    scales, tested = packed.take(order[:SCALES]), order[SCALES : SCALES + options.jets]
    packed, target = packed.take(tested), columns["target"][tested].astype(np.int64)
    seen = _observe(bundle, scales)
    made: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    for name, make in WAYS:
        try:
            made[name] = {"backbone": open_session(make(bundle.graphs["backbone"], seen))}
        except Exception as error:  # noqa: BLE001 - a way that cannot be had is a result
            failed[name] = str(error).splitlines()[0][:120]
    head = open_session(bundle.graphs["head"])
    chains = {name: _chain(bundle, sessions | {"head": head}) for name, sessions in made.items()}
    rates = _rates(chains, packed.take(np.arange(options.timed)), options.turns)
    scores = {name: _scores(chain, packed) for name, chain in chains.items()}
    classes = bundle.manifest.output("scores").classes
    compared = paired(scores, target, classes, classes[0], 0.5)
    lines = [
        f"`benchmarks/inference/precision.py` on a trained network of ParT's size, one thread, load {os.getloadavg()[0]:.1f};",
        f"differences to fp32 on {len(packed):,} labelled jets; speed in {options.turns} turns of {options.timed} jets, CPU time.",
        "",
        "| way | speed to fp32 | mean difference of a score | largest | in other batches | largest ΔAUC |",
        "|---|---|---|---|---|---|",
    ]
    for name, chain in chains.items():
        ratios = [value / other for value, other in zip(rates[name], rates["fp32"], strict=True)]
        difference = np.abs(scores[name] - scores["fp32"])
        again = np.concatenate(
            [_scores(chain, packed.take(np.arange(at, at + PIECE))) for at in range(0, len(packed) - PIECE, PIECE)[:10]]
        )
        moved = np.abs(again - scores[name][: len(again)]).max()
        signal, worst = max(compared[name].auc_difference.items(), key=lambda item: abs(item[1].value))
        error = (worst.interval[1] - worst.interval[0]) / 2
        lines.append(
            f"| {name} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {difference.mean():.1e} "
            f"| {difference.max():.1e} | {moved:.1e} | {worst.value:+.4f} ± {error:.4f} ({signal}) |"
        )
    lines += [f"| {name} | cannot be had: {reason} | | | | |" for name, reason in failed.items()]
    text = "\n".join([*lines, ""])
    Path(__file__).with_name("precision.md").write_text(text)
    print(text)


def _observe(bundle: Bundle, packed: Packed) -> Observed:
    """Inputs of the products, for jets one by one without padding, and in the usual batches."""
    proto = folded(bundle.graphs["backbone"])
    read = sorted({node.input[0] for node in products(proto)})
    session = open_session(with_outputs(proto, read))
    alone, together = ColumnRecorder(session, read), Recorder(session, read)
    _chain(bundle, {"backbone": together}).run(packed, bundle.manifest.level, ("embedding",))
    one_by_one = Chain(bundle.manifest, lambda _: alone, batch_tokens=1, multiple=1)
    one_by_one.run(packed, bundle.manifest.level, ("embedding",))
    alone.seen.padded = together.ranges
    alone.seen.rows = {name: np.concatenate(rows) for name, rows in alone.kept.items()}
    return alone.seen


def _rates(chains: Mapping[str, Chain], packed: Packed, turns: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in chains}
    for turn in range(turns + 1):
        for name, chain in chains.items():
            start = time.process_time()
            _scores(chain, packed)
            if turn:
                rates[name].append(len(packed) / (time.process_time() - start))
    return rates


def _chain(bundle: Bundle, sessions: Mapping[str, Any]) -> Chain:
    return Chain(bundle.manifest, lambda graph: sessions[graph.name])


def _scores(chain: Chain, packed: Packed) -> Any:
    return chain.run(packed, chain.manifest.level, ("scores",))["scores"]


if __name__ == "__main__":
    main()
