"""Generate jets and write them as shards; compare them with real ones: what ``coffea-fm generate`` does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.files import atomic, prepare_folder
from coffea_fm.methods.parts.generation.base import JetGenerator
from coffea_fm.methods.parts.generation.code_generator import CodeGenerator
from coffea_fm.methods.parts.generation.sampling import SamplingConfig
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.plots.style import SIMULATION, Label, save
from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import Packed
from coffea_fm.training.generation.comparison import Comparison, of_class
from coffea_fm.training.generation.draw import draw_generated
from coffea_fm.training.generation.load import load_generator
from coffea_fm.training.generation.real import RealJets
from coffea_fm.training.generation.substructure import observables

_ENOUGH = 100
"""Jets of a class, of which there is a comparison."""


@dataclass(frozen=True, repr=False)
class Generated:
    """Generated jets, and how they compare with real ones.

    Parameters
    ----------
    folder : Path
        Shards of them, and, if they were compared, ``comparison.json``, ``comparison.md`` and figures.
    jets : int
    cut : int
        How many of them have the largest number of particles, because they reached it before an end.
    comparisons : dict of str to Comparison
        ``all``, and each class that there are enough jets of, if the network knows classes.
    """

    folder: Path
    jets: int
    cut: int = 0
    comparisons: dict[str, Comparison] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = [f"{self.jets:,} generated jets in {self.folder}"]
        if self.cut:
            parts.append(
                f"{self.cut:,} of them reached the largest number of particles (inputs.max_tokens) without an end"
            )
        return "\n".join([*parts, *(f"\n{name} jets: {part}" for name, part in self.comparisons.items())])


def generate(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    n_jets: int = 10_000,
    *,
    data: str | os.PathLike[str] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    batch_size: int = 1000,
    label: Label = SIMULATION,
) -> Generated:
    """Generate jets with a trained model.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``, trained by the method ``omnijet``, ``next-token``, ``joint``, ``omnilearn`` or
        ``jet-flow``.
    output : path-like
        Folder for the shards; it must not hold any.
    n_jets : int
    data : path-like, optional
        Folder of shards with real jets. Half of them give their classes to the generated ones. For ``next-token`` and
        ``joint`` they also give their momenta, and for ``omnilearn`` and ``jet-flow`` all but the momenta of their
        particles. The generated jets are compared with the other half. Without it, a network that knows classes
        generates the same number of each.
    temperature, top_k, seed, batch_size
        See `coffea_fm.methods.parts.generation.sampling.SamplingConfig`. The same seed and batch size give the same
        jets.
    label : Label
        Text above the figures.

    Raises
    ------
    InputError
        If the checkpoint cannot generate jets, or `data` is needed and not given, or does not have its inputs.
    RecipeError
        If the codes do not give what the network reads, or `output` already holds shards.
    """
    method, classes = load_generator(checkpoint)
    config = SamplingConfig(temperature=temperature, top_k=top_k, seed=seed, batch_size=batch_size)
    level, folder = method.generated_level(), Path(output)
    if any(folder.glob("*.parquet")):
        raise RecipeError(f"{folder} already holds shards: choose another folder for the generated jets")
    if method.of_jets and data is None:
        raise InputError(
            f"{checkpoint} generates the particles of jets of given momenta: give a folder of shards with such jets"
        )
    real = None if data is None else RealJets.read(data, method, classes, n_jets, seed)
    prepare_folder(folder)
    packed, target = _generated(method, real, n_jets, config)
    labelled = bool(method.n_classes) or method.of_jets
    _write(folder, packed, target, method, classes if labelled else ("all",), labelled=labelled)
    counts = packed.members[only_member(level).name].counts
    cut = int((counts == method.longest).sum()) if isinstance(method, CodeGenerator) else 0
    if real is None:
        return Generated(folder, n_jets, cut)
    return Generated(folder, n_jets, cut, _compared(folder, method, real, packed, target, classes, label))


def _generated(
    method: JetGenerator, real: RealJets | None, n_jets: int, config: SamplingConfig
) -> tuple[Packed, IntArray]:
    """Generated jets and their classes, batch by batch."""
    random = torch.Generator().manual_seed(config.seed)
    alike = np.arange(n_jets) * max(method.n_classes, 1) // n_jets
    target = alike if real is None else np.resize(real.target, n_jets)
    parts = []
    for start in range(0, n_jets, config.batch_size):
        rows = np.arange(start, min(start + config.batch_size, n_jets))
        jets = _at_the_origin(method, len(rows)) if real is None else real.jets(rows)
        classes = torch.from_numpy(target[rows]) if method.n_classes else None
        parts.append(method.generate(jets, classes, config, random))
    return Packed.concatenate(parts), target


def _at_the_origin(method: JetGenerator, n_jets: int) -> Inputs:
    """Jets without particles whose axis is eta = 0, phi = 0."""
    level = method.model.backbone.level
    return Inputs(
        torch.zeros(n_jets, len(level.fields)), torch.zeros(n_jets, len(level.missing_names), dtype=torch.bool), {}
    )


def _write(
    folder: Path, packed: Packed, target: IntArray, method: JetGenerator, classes: tuple[str, ...], *, labelled: bool
) -> None:
    columns = {"target": target if labelled else np.zeros_like(target)}
    source = Source(dataset="generated", file=str(folder.resolve()), start=0, stop=len(packed))
    write_shard(
        folder / "generated.parquet",
        packed,
        method.generated_level(),
        columns=columns,
        classes=classes,
        source=source,
    )


def _compared(
    folder: Path,
    method: JetGenerator,
    real: RealJets,
    packed: Packed,
    target: IntArray,
    classes: tuple[str, ...],
    label: Label,
) -> dict[str, Comparison]:
    """Compare, and write numbers and figures."""
    level = method.generated_level()
    massless = not (method.types and "mass" in only_member(real.level).names)  # the same for all
    reference = observables(real.reference, real.level, massless=massless)
    samples = {"real": observables(real.packed, real.level, massless=massless)}
    decoded = [part for part in map(method.decoded, real.batches()) if part is not None]
    if decoded:
        samples["decoded"] = observables(Packed.concatenate(decoded), level, massless=massless)
    samples["generated"] = observables(packed, level, massless=massless)
    targets = {"real": real.target, "decoded": real.target, "generated": target}
    parts: dict[str, tuple[Mapping[str, DoubleArray], dict[str, dict[str, DoubleArray]]]] = {
        "all": (reference, samples)
    }
    if method.n_classes or method.of_jets:
        for at, name in enumerate(classes):
            of = {key: of_class(jets, targets[key], at) for key, jets in samples.items()}
            alike = of_class(reference, real.reference_target, at)
            if min(len(jets["pt"]) for jets in (alike, *of.values())) >= _ENOUGH:
                parts[name] = (alike, of)
    comparisons = {name: Comparison.of(own, of) for name, (own, of) in parts.items()}
    for name, (own, of) in parts.items():
        text = f"{'all' if name == 'all' else name} jets"
        save(draw_generated(own, of, comparisons[name], label=label, text=text), folder / f"generated_{name}")
    content = {name: asdict(part) for name, part in comparisons.items()}
    with atomic(folder / "comparison.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with atomic(folder / "comparison.md") as temporary:
        tables = "\n\n".join(f"## {name} jets\n\n{part.table()}" for name, part in comparisons.items())
        temporary.write_text(tables + "\n", encoding="utf-8")
    return comparisons
