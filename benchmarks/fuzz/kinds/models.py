"""Models of others and what belongs to them: checkpoints, weights, mappings, preprocess.json, formulas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import small_onnx
from mutations import Rng, mutate_bytes, mutate_protobuf, mutate_tree
from yaml_mutations import mutated_yaml

from coffea_fm.importers import import_model
from coffea_fm.importers.weaver_onnx.expressions import FUNCTIONS, parse
from coffea_fm.importers.weaver_onnx.mapping import FOLDER, read_mapping
from coffea_fm.importers.weaver_onnx.original import read_original
from coffea_fm.importers.weaver_onnx.plan import make_plan
from coffea_fm.importers.weaver_onnx.preprocess import read_preprocess
from kinds.kind import Kind

MAPPING = """
description: candidates and vertices
groups:
  near:
    tokens: constituents
    select: pt > 1
    order: pt
    definitions: {far: "abs(eta - jet.eta)", near: "min(far, hypot(eta, phi))"}
    variables: {near_mask: "1", n_pt: log(pt), n_eta: far, n_dr: "near / 2"}
  sv:
    tokens: vertices
    order: mass
    pad: wrap
    variables: {sv_mask: "1", s_mass: mass, s_many: count(constituents) / 10}
outputs: {scores: {columns: [label_0, label_1, label_2]}}
sums: {both: [label_0, label_1]}
"""
GROUPS = [("near", 3, 2, 6), ("sv", 2, 1, 3)]
NAMES = {"near": ["n_pt", "n_eta", "n_dr"], "sv": ["s_mass", "s_many"]}


def prepare_import(folder: Path) -> Path:
    small_onnx.write_model(folder, GROUPS)
    small_onnx.write_preprocess(folder, GROUPS, NAMES)
    (folder / "mapping.yaml").write_text(MAPPING)
    shutil.copytree(FOLDER, folder / "shipped")
    return folder


def _copied(seeds: Path, folder: Path) -> None:
    for name in ("model.onnx", "preprocess.json", "mapping.yaml"):
        shutil.copy(seeds / name, folder / name)


def make_original(seeds: Path, rng: Rng, folder: Path) -> None:
    _copied(seeds, folder)
    data = (seeds / "model.onnx").read_bytes()
    for _ in range(int(rng.integers(1, 3))):
        data = (mutate_protobuf if rng.random() < 0.75 else mutate_bytes)(data, rng)
    (folder / "model.onnx").write_bytes(data)


def load_import(_: Path, folder: Path) -> object:
    return import_model(
        folder / "model.onnx", folder / "preprocess.json", output=folder / "out", mapping=folder / "mapping.yaml"
    )


def make_preprocess(seeds: Path, rng: Rng, folder: Path) -> None:
    _copied(seeds, folder)
    path = folder / "preprocess.json"
    if rng.random() < 0.25:
        path.write_bytes(mutate_bytes(path.read_bytes(), rng))
    else:
        path.write_text(json.dumps(mutate_tree(json.loads(path.read_text()), rng)))


def make_mapping(seeds: Path, rng: Rng, folder: Path) -> None:
    _copied(seeds, folder)
    path = folder / "mapping.yaml"
    if rng.random() < 0.3:
        shipped = sorted((seeds / "shipped").glob("*.yaml"))
        path = Path(shutil.copy(shipped[rng.integers(0, len(shipped))], path))
    path.write_bytes(mutated_yaml(path.read_bytes(), rng))


def load_plan(_: Path, folder: Path) -> object:
    mapping = read_mapping(str(folder / "mapping.yaml"))
    return make_plan(read_preprocess(folder / "preprocess.json"), mapping, "mapping")


def load_original(_: Path, folder: Path) -> object:
    return read_original(folder / "model.onnx")


_PARTS = [*FUNCTIONS, *"+-*/()<>=,.!&|^~%@[]{}'\"", "**", "//", "and", "or", "not", "if", "else", "lambda x:", "for x in",
          "pt", "eta", "jet.pt", "jet", "vertices", "1", "1e400", "1" * 400, "0x1F", "1j", "None", "True", "__class__",
          "import", "await", "yield", ":=", "*x", "f'{pt}'", "\\", "\n", "\0", "(" * 100, "-" * 300, "not " * 100]  # fmt: skip


def make_formula(_: None, rng: Rng, folder: Path) -> None:
    parts = rng.choice(_PARTS, int(rng.integers(1, 8)))
    text = str(rng.choice(["", " "])).join(map(str, parts))
    (folder / "formula.txt").write_text(text)


def load_formula(_: None, folder: Path) -> object:
    text = (folder / "formula.txt").read_text()
    definitions = {}
    for index in range(int(2 + 10 * ("pt" in text))):
        definitions[f"d{index}"] = parse(
            text if index == 0 else f"abs(d{index - 1}) + d{index - 1}", "a formula", definitions
        )
    return definitions


KINDS = (
    Kind("ONNX file to import", prepare_import, make_original, load_original),
    Kind("ONNX file imported", prepare_import, make_original, load_import),
    Kind("preprocess.json", prepare_import, make_preprocess, load_plan),
    Kind("mapping", prepare_import, make_mapping, load_plan),
    Kind("formula", lambda _: None, make_formula, load_formula),
)
