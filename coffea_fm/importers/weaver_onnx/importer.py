"""Import an ONNX file: read, plan, compose, check, write."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from coffea_fm.bundle import Graph, Manifest, Provenance, save_bundle
from coffea_fm.bundle.save import sign
from coffea_fm.errors import InputError
from coffea_fm.importers.result import ImportResult
from coffea_fm.importers.weaver_onnx.card import imported_card
from coffea_fm.importers.weaver_onnx.check import Checker
from coffea_fm.importers.weaver_onnx.compose import compose
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.importers.weaver_onnx.inputs import Layout, raw_names
from coffea_fm.importers.weaver_onnx.layouts import find_layouts, fixed_lengths, read_inputs
from coffea_fm.importers.weaver_onnx.mapping import Mapping, read_mapping
from coffea_fm.importers.weaver_onnx.original import read_original
from coffea_fm.importers.weaver_onnx.outputs import plan_outputs
from coffea_fm.importers.weaver_onnx.plan import Plan, make_plan
from coffea_fm.importers.weaver_onnx.preprocess import Preprocess, read_preprocess
from coffea_fm.importers.weaver_onnx.reference import prepare
from coffea_fm.importers.weaver_onnx.runs import Allowed, Runnable, find_allowed, open_model, without_harmful_padding

_VERSIONS = ("onnx", "onnxruntime", "numpy")


def import_onnx(model: Path, preprocess: Path | None, output: Path, *, mapping: str | None, name: str) -> ImportResult:
    """Import an ONNX file; see `coffea_fm.importers.import_model`."""
    described = read_mapping(mapping)
    family = Path(str(mapping)).stem
    information, described_by = _preprocess(preprocess, described, family)
    original = read_original(model)
    information = read_inputs(original, information, described_by)
    plan = make_plan(information, described, family)
    layouts = find_layouts(original, plan, described_by)
    plan = plan.with_lengths(fixed_lengths(original, plan, layouts))
    described_plan, plan = plan, without_harmful_padding(original, plan, layouts)
    allowed = find_allowed(original, plan, layouts)
    run = open_model(original.model, str(model))
    outputs = plan_outputs(original, information, described, _examples(run, plan, layouts), family)
    graph = compose(original, plan.with_lengths(allowed.lengths), layouts, allowed, outputs)
    sha256 = dict(original.sha256)
    if preprocess is not None:
        sha256[preprocess.name] = hashlib.sha256(preprocess.read_bytes()).hexdigest()
    manifest = Manifest(
        name=name,
        level=plan.level,
        outputs=tuple(plan.described() for plan in outputs),
        graphs=(_graph(plan, [plan.name for plan in outputs]),),
        provenance=Provenance(
            recipe={"mapping": family, "description": described.description},
            data={"sha256": {**sha256}, "source": described.source},
            versions=_versions(),
        ),
    )
    signed = sign(manifest, {"model": graph})
    found = Checker(run, plan, layouts, outputs)(signed, graph, _versions())
    data = {
        **manifest.provenance.data,
        "remarks": [*_remarks(allowed, padded=plan is described_plan), *([found.remark] if found.remark else [])],
    }
    provenance = manifest.provenance.model_copy(update={"data": data})
    check = found.check
    checked = manifest.model_copy(update={"check": check, "provenance": provenance})
    saved = save_bundle(output, checked, {"model": graph}, imported_card(checked, described, family))
    size = sum(path.stat().st_size for path in output.iterdir())
    classes = saved.outputs[0].classes
    return ImportResult(str(output), saved.checksum, classes, check.maximal_difference, check.cases, size)


def _preprocess(path: Path | None, mapping: Mapping, family: str) -> tuple[Preprocess, str]:
    if path is not None:
        return read_preprocess(path), str(path)
    if mapping.preprocess is None:
        raise InputError("the preprocess.json of the model is missing: give its path after that of the model")
    return mapping.preprocess, f"the mapping {family}"


def _examples(run: Runnable, plan: Plan, layouts: dict[str, Layout]) -> list[Any]:
    """Outputs of the original model for some jets."""
    packed = random_jets(plan.level, np.array([20, 40, 5]), np.random.default_rng(2))
    answers = [run(prepare(plan, packed.take(np.array([index])), layouts)) for index in range(len(packed))]
    return [np.concatenate(parts) for parts in zip(*answers, strict=True)]


def _graph(plan: Plan, outputs: list[str]) -> Graph:
    names = tuple(name for name, *_ in raw_names(plan.level))
    return Graph(name="model", file="model.onnx", level=plan.level.name, inputs=names, outputs=tuple(outputs))


def _remarks(allowed: Allowed, *, padded: bool) -> list[str]:
    remarks = []
    if not padded:
        remarks.append(
            "Padded as its preprocess.json says, the original gives NaN: each jet is run at its own number of tokens instead."
        )
    elif not allowed.batches:
        remarks.append("The original graph takes one jet at a time: a loop inside the graph runs it jet by jet.")
    elif not allowed.padding:
        remarks.append(
            "The answer of the original depends on padding: a loop inside the graph runs each jet at its length."
        )
    for name, (least, most) in allowed.lengths.items():
        remarks.append(
            f"`{name}` is filled up to {least} tokens instead of {most}, which was found to give the same scores."
        )
    return remarks


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _VERSIONS}
