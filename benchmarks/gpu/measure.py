"""ParT and the small network on a GPU: jets per second by provider, batch and precision, agreement, and training.

On a machine that has torch and a GPU but no registry, after `bring.py join`::

    PYTHONPATH=/tmp/site:. python3 benchmarks/gpu/measure.py --output $OUT

``--dry-run`` goes through all of it on a CPU with few jets. A row that cannot run says why. Stops starting new rows after
``--minutes``.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnxruntime
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks" / "inference"))

import by_hand
import ours
from half import half
from jets import load_jets

from coffea_fm.bundle import load_bundle
from coffea_fm.inference.chain import Chain
from coffea_fm.tokens.pack import pack

Row = tuple[str, str, str, str, str]
HEAD = "| network | way | tokens of a batch | jets/s | largest difference to CPU |\n|---|---|---|---|---|\n"
TENSORRT = "TensorrtExecutionProvider"


def by_onnxruntime(bundle: Any, packed: Any, options: argparse.Namespace) -> Iterator[Row]:
    """Our chain with each provider, batch and precision."""
    reference = _chain(bundle, bundle.graphs, "CPUExecutionProvider", None)(packed)
    available = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", TENSORRT) if name in available]
    for provider in providers or ["CPUExecutionProvider"]:
        for precision in ("fp32", "fp16"):
            for tokens in options.tokens:

                def work(provider: str = provider, precision: str = precision, tokens: int = tokens) -> Any:
                    change = half if precision == "fp16" else bytes
                    graphs = {name: change(data) for name, data in bundle.graphs.items()}
                    return _chain(bundle, graphs, provider, tokens)

                yield _row(
                    bundle.manifest.name, f"{provider}, {precision}", f"{tokens}", work, packed, reference, options
                )


def by_torch(weights: Any, jets: Any, options: argparse.Namespace) -> Iterator[Row]:
    """The network of weaver in torch, eager and compiled, and coffea.ml_tools around it."""
    inputs = by_hand.prepare(jets)
    network = by_hand.network(weights)
    reference = by_hand.run_padded(network, inputs, 2048, "cpu")
    device = options.device
    for precision in ("fp32", "fp16"):
        for way in ("torch eager", "torch.compile"):
            for tokens in options.tokens:

                def work(way: str = way, precision: str = precision, tokens: int = tokens) -> Any:
                    moved = by_hand.network(weights).to(device)
                    run = torch.compile(moved, dynamic=True) if way == "torch.compile" else moved
                    cast = torch.autocast(device, torch.float16) if precision == "fp16" else nullcontext()

                    def scores(given: Any) -> Any:
                        with cast:
                            return by_hand.run_padded(run, given, tokens, device)

                    return scores

                yield _row("ParT", f"{way}, {precision}", f"{tokens}", work, inputs, reference, options)
    with tempfile.TemporaryDirectory() as folder:
        by_hand.export_torchscript(weights, Path(folder) / "part.pt")

        def wrapped() -> Any:
            wrapper = by_hand.ParTWrapper(str(Path(folder) / "part.pt"))
            return lambda given: np.concatenate(
                [np.asarray(wrapper(given[at : at + 256])) for at in range(0, len(given), 256)]
            )

        yield _row("ParT", "coffea.ml_tools", "256 jets of 128", wrapped, jets, reference, options)


def training(options: argparse.Namespace) -> Iterator[Row]:
    """Training steps of ParT against weaver-core, 512 jets each."""
    sys.modules.pop("ours")  # the benchmark of training has a module of this name as well
    sys.path.insert(0, str(ROOT / "benchmarks" / "training"))
    from ours import PART, rate, recipe_of, shards_of
    from weaver_core import weaver_trainer

    with tempfile.TemporaryDirectory() as scratch:
        data = shards_of(options.jets_folder, Path(scratch))
        steps, batch = (1, 32) if options.dry_run else (20, 512)
        for precision in ("fp32", "bf16"):
            recipe = recipe_of(PART["name"], precision, data.folder)
            found = rate(recipe, 1, 0, batch=batch, jets=steps * batch)
            yield "ParT, training", f"coffea-fm, {precision}", f"{batch} jets", f"{found:.0f}", ""
        weaver = weaver_trainer(data, np.random.default_rng(0).permutation(data.n_sets), batch, options.device)
        weaver(1)
        started = time.perf_counter()
        seen = weaver(steps)
        yield (
            "ParT, training",
            "weaver-core, fp32",
            f"{batch} jets",
            f"{seen / (time.perf_counter() - started):.0f}",
            "",
        )


def _chain(bundle: Any, graphs: dict[str, bytes], provider: str, tokens: int | None) -> Callable[[Any], Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    names = [provider] if provider == "CPUExecutionProvider" else [provider, "CPUExecutionProvider"]
    sessions = {name: onnxruntime.InferenceSession(data, options, providers=names) for name, data in graphs.items()}
    if provider not in sessions["backbone"].get_providers():
        raise RuntimeError(f"onnxruntime could not start {provider}")
    chain = replace(Chain(bundle.manifest, lambda graph: sessions[graph.name]), batch_tokens=tokens)
    return lambda packed: chain.run(packed, bundle.manifest.level, ("scores",))["scores"]


def _row(
    network: str,
    way: str,
    tokens: str,
    make: Callable[[], Any],
    given: Any,
    reference: Any,
    options: argparse.Namespace,
) -> Row:
    """Jets per second of the second pass, or why there is none."""
    if time.monotonic() > options.end:
        return network, way, tokens, "not run: out of time", ""
    try:
        work = make()
        work(given)
        started = time.perf_counter()
        scores = work(given)
        seconds = time.perf_counter() - started
    except Exception as error:  # noqa: BLE001 - a row that fails must not cost the others
        return network, way, tokens, f"failed: {str(error).splitlines()[0][:100]}", ""
    return network, way, tokens, f"{len(scores) / seconds:.0f}", f"{np.abs(scores - reference).max():.1e}"


def main() -> None:
    """Run all rows, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--jets", type=int, default=20_000)
    parser.add_argument("--jets-file", type=Path, help="jets made by --save-jets, where ../shared is absent")
    parser.add_argument("--save-jets", type=Path, help="write the jets there, and stop")
    parser.add_argument("--tokens", type=int, nargs="+", default=[2**13, 2**15, 2**17])
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    if options.dry_run:
        options.jets, options.tokens = 20, [512]
    options.end = time.monotonic() + 60 * options.minutes
    options.device = "cuda" if torch.cuda.is_available() else "cpu"
    options.jets_folder = ROOT.parent / "shared" / "data" / "jets"
    jets = pickle.loads(options.jets_file.read_bytes()) if options.jets_file else load_jets(options.jets)
    if options.save_jets:
        options.save_jets.write_bytes(pickle.dumps(jets))
        return
    weights = by_hand.make_weights()
    rows: list[Row] = []
    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU (dry run)"
    with tempfile.TemporaryDirectory() as folder:
        ours.make_tagger(weights, Path(folder) / "part")
        for bundle in (load_bundle(Path(folder) / "part"), load_bundle("jet-classifier-small")):
            packed, _ = pack(jets, bundle.manifest.level)
            _write(rows, by_onnxruntime(bundle, packed, options), where, options)
        _write(rows, by_torch(weights, ak.flatten(jets), options), where, options)
        if options.jets_folder.is_dir():
            _write(rows, training(options), where, options)


def _write(rows: list[Row], more: Iterator[Row], where: str, options: argparse.Namespace) -> None:
    for row in more:
        rows.append(row)
        print(*row, sep=" | ", flush=True)
        table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        title = f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, {where}\n\n"
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "results.md").write_text(title + HEAD + table)


if __name__ == "__main__":
    main()
