"""Jets per second of one core, the same ParT weights three ways, and the arithmetic limit.

Run with ``make benchmark-inference``; writes ``results.md`` and ``results.csv`` beside this file. Time is the CPU time of
this single-threaded process, so that other work on the machine counts as little as possible.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import platform
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import by_hand
import numpy as np
import ours
import torch
from arithmetic import flops, gemm_rate
from jets import LEVEL, load_jets

from coffea_fm.files import atomic
from coffea_fm.inference.chain import default_batch_tokens

WRAPPER_BATCH, SESSION_BATCH = 256, 256  # 1,024 jets padded to 128 take over 16 GB in onnxruntime
LARGEST_DIFFERENCE = 2e-3
"""Weaver's m² of collinear pairs is rounding noise in single precision, which moves scores by up to 1e-3."""


@dataclass(frozen=True)
class Row:
    """One way of running the network."""

    name: str
    jets: int
    end_to_end: float | None
    network: float


def rate(function: Callable[[], Any], n_jets: int) -> tuple[float, Any]:
    """Jets per second of CPU time, and what the function returned."""
    start = time.process_time()
    result = function()
    per_second = n_jets / (time.process_time() - start)
    print(f"{per_second:.0f} jets/s", flush=True)
    return per_second, result


def measure(n_jets: int, n_padded: int, folder: Path) -> tuple[list[Row], dict[str, float]]:
    """All rows, and the largest differences of scores between them."""
    weights = by_hand.make_weights()
    by_hand.export_torchscript(weights, folder / "part.pt")
    by_hand.export_onnx(weights, folder / "part.onnx")
    tagger = ours.make_tagger(weights, folder / "bundle")
    jets = load_jets(n_jets)
    few = ak.flatten(jets)[:n_padded]

    wrapper = by_hand.ParTWrapper(str(folder / "part.pt"))
    session = by_hand.open_session(folder / "part.onnx")
    starts = range(0, n_padded, WRAPPER_BATCH)
    wrapper(few[:4])
    ours.tag(tagger, jets[:50])

    a, a_scores = rate(
        lambda: np.concatenate([np.asarray(wrapper(few[i : i + WRAPPER_BATCH])) for i in starts]), n_padded
    )
    b, b_scores = rate(lambda: by_hand.run_session(session, by_hand.prepare(few), SESSION_BATCH), n_padded)
    c, c_scores = rate(lambda: ours.tag(tagger, jets), n_jets)

    inputs = by_hand.prepare(few)
    a_network, _ = rate(lambda: by_hand.run_script(wrapper.model, inputs, WRAPPER_BATCH), n_padded)
    b_network, _ = rate(lambda: by_hand.run_session(session, inputs, SESSION_BATCH), n_padded)
    c_network, _ = rate(ours.network_only(tagger, jets), n_jets)

    lengths = ak.to_numpy(ak.num(ak.flatten(jets).constituents))
    limit = gemm_rate() * n_jets / flops(np.minimum(lengths, by_hand.N_SLOTS))
    rows = [
        Row("(a) `coffea.ml_tools.torch_wrapper`, TorchScript, padded to 128", n_padded, a, a_network),
        Row(f"(b) onnxruntime by hand, padded to 128, batches of {SESSION_BATCH}", n_padded, b, b_network),
        Row(
            f"(c) coffea-fm, length buckets of {default_batch_tokens(tagger.manifest, LEVEL)} tokens",
            n_jets,
            c,
            c_network,
        ),
        Row("(d) arithmetic limit: real tokens at the fp32 GEMM rate", n_jets, None, limit),
    ]
    differences = {
        "(a) and (b)": float(np.abs(a_scores - b_scores).max()),
        "(a) and (c)": float(np.abs(a_scores - c_scores[:n_padded]).max()),
    }
    if max(differences.values()) > LARGEST_DIFFERENCE:
        raise SystemExit(f"the rows do not compute the same network: scores differ by {differences}")
    return rows, differences


def write(rows: list[Row], differences: dict[str, float], folder: Path) -> str:
    """Write both tables, and give the text."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnxruntime", "coffea"))
    lines = [
        f"`make benchmark-inference` on one thread of {processor()}; {versions}.",
        "ParT (2,143,486 parameters), the same weights in every row; jets of ten classes with their simulated lengths;",
        "jets per second of CPU time, from awkward to awkward (features included) and of the network alone.",
        "",
        "| way | jets | end to end | network only | end to end / (a) | end to end / (b) |",
        "|---|---|---|---|---|---|",
    ]
    a, b = (row.end_to_end for row in rows[:2])
    assert a is not None
    assert b is not None
    for row in rows:
        whole = "" if row.end_to_end is None else f"{row.end_to_end:.0f}"
        ratios = " | ".join("" if row.end_to_end is None else f"{row.end_to_end / other:.1f}" for other in (a, b))
        lines.append(f"| {row.name} | {row.jets:,} | {whole} | {row.network:.0f} | {ratios} |")
    largest = ", ".join(f"{pair} {value:.1e}" for pair, value in differences.items())
    text = "\n".join([*lines, "", f"Largest difference of a score: {largest}.", ""])
    with atomic(folder / "results.md") as path:
        path.write_text(text)
    with atomic(folder / "results.csv") as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["way", "jets", "end_to_end_jets_per_second", "network_jets_per_second"])
        table.writerows([row.name, row.jets, row.end_to_end, row.network] for row in rows)
    return text


def processor() -> str:
    """Name of the processor."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=20_000, help="jets for (c)")
    parser.add_argument("--padded-jets", type=int, default=2_048, help="jets for (a) and (b)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        rows, differences = measure(options.jets, options.padded_jets, Path(folder))
    print(write(rows, differences, options.output))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
