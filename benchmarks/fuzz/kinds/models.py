"""Models of others and what belongs to them: checkpoints, weights, mappings, preprocess.json, formulas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import small_onnx
import torch
import yaml
from mutations import Rng, mutate_bytes, mutate_protobuf, mutate_tree, one_of

from coffea_fm.importers import import_model
from coffea_fm.importers.weaver_onnx.expressions import FUNCTIONS, parse
from coffea_fm.importers.weaver_onnx.mapping import FOLDER, read_mapping
from coffea_fm.importers.weaver_onnx.original import read_original
from coffea_fm.importers.weaver_onnx.plan import make_plan
from coffea_fm.importers.weaver_onnx.preprocess import read_preprocess
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.weights.read import read_torch_file
from kinds.kind import Kind

PROJECT = Path(__file__).parents[3]
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
CONSTITUENT_FIELDS_USED = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
GROUPS = [("near", 3, 2, 6), ("sv", 2, 1, 3)]
NAMES = {"near": ["n_pt", "n_eta", "n_dr"], "sv": ["s_mass", "s_many"]}


def prepare_checkpoint(folder: Path) -> Path:
    constituents = token_level("constituents", CONSTITUENT_FIELDS_USED, minimum=1)
    for name, head in (("head", ClassificationHeadConfig(hidden=(8,))), ("bare", None)):
        level = jet_level((constituents,), ("pt_raw", "eta", "phi", "mass_raw"))
        network = NetworkConfig(
            level=level, backbone=SetTransformerConfig(size="tiny"), head=head, classes=("QCD", "Hbb") if head else ()
        )
        save_checkpoint(folder / name, network.build().state_dict(), network, {"seed": 1})
    return folder


def make_checkpoint(seeds: Path, rng: Rng, folder: Path) -> None:
    shutil.copytree(seeds / str(rng.choice(["head", "bare"])), folder, dirs_exist_ok=True)
    config, weights = folder / "config.json", folder / "model.safetensors"
    data = weights.read_bytes()
    length = int.from_bytes(data[:8], "little")
    match int(rng.integers(0, 6)):
        case 0:
            config.write_bytes(mutate_bytes(config.read_bytes(), rng))
        case 1 | 2 | 3:
            config.write_text(json.dumps(mutate_tree(json.loads(config.read_text()), rng)))
        case 4:
            header = json.dumps(mutate_tree(json.loads(data[8 : 8 + length]), rng)).encode()
            weights.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
        case _:
            weights.write_bytes(one_of(rng, lambda: mutate_bytes(data[:400], rng) + data[400:], lambda: mutate_bytes(data, rng)))


def prepare_weights(folder: Path) -> bytes:
    torch.save({"a.weight": torch.rand(3, 4), "a.bias": torch.rand(3), "n": {"epoch": 3}}, folder / "w.pt")
    return (folder / "w.pt").read_bytes()


def make_weights(data: bytes, rng: Rng, folder: Path) -> None:
    (folder / "w.pt").write_bytes(mutate_bytes(data, rng))


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
        data = one_of(rng, *[lambda: mutate_protobuf(data, rng)] * 3, lambda: mutate_bytes(data, rng))
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


def mutated_yaml(data: bytes, rng: Rng) -> bytes:
    """YAML with other values, other bytes, or aliases of aliases."""
    match int(rng.integers(0, 8)):
        case 0 | 1:
            return mutate_bytes(data, rng)
        case 2:
            times, deep = int(rng.integers(2, 12)), int(rng.integers(1, 12))
            lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * times)}]" for i in range(1, deep)]
            return data + "\n".join(["", *lines]).encode()
        case 3:
            odd = ("!!python/object/apply:os.system ['true']", "&a [*a]", "!!binary aGVsbG8=", "!!set {a, b}", "<<: *x",
                   "2001-99-99", "0x" + "f" * 5000, "9" * 5000, "1:2:3:4:5", ".inf", "!!timestamp x", "? [a, b]\n: c",
                   "!!int x", "!!omap [a: 1]", "[" * 2000, "- " * 500, "{" * 300, "\t", "%YAML 3.0\n---\n", "--- a\n--- b")  # fmt: skip
            lines = data.decode().splitlines()
            where = int(rng.integers(0, len(lines)))
            key = lines[where].partition(":")[0] or "x"
            lines[where] = f"{key}: {odd[rng.integers(0, len(odd))]}"
            return "\n".join(lines).encode()
        case _:
            return yaml.dump(mutate_tree(yaml.safe_load(data), rng), allow_unicode=True).encode("utf-8", "surrogatepass")


def load_plan(_: Path, folder: Path) -> object:
    mapping = read_mapping(str(folder / "mapping.yaml"))
    return make_plan(read_preprocess(folder / "preprocess.json"), mapping, "mapping")


def load_original(_: Path, folder: Path) -> object:
    return read_original(folder / "model.onnx")


_PARTS = [*FUNCTIONS, *"+-*/()<>=,.!&|^~%@[]{}'\"", "**", "//", "and", "or", "not", "if", "else", "lambda x:", "for x in",
          "pt", "eta", "jet.pt", "jet", "vertices", "1", "1e400", "1" * 400, "0x1F", "1j", "None", "True", "__class__",
          "import", "await", "yield", ":=", "*x", "f'{pt}'", "\\", "\n", "\0", "(" * 100, "-" * 300, "not " * 100]  # fmt: skip


def make_formula(_: None, rng: Rng, folder: Path) -> None:
    parts = rng.choice(_PARTS, int(rng.integers(1, 25)))
    text = str(rng.choice(["", " "])).join(map(str, parts))
    (folder / "formula.txt").write_text(text)


def load_formula(_: None, folder: Path) -> object:
    text = (folder / "formula.txt").read_text()
    definitions = {}
    for index in range(20):
        definitions[f"d{index}"] = parse(text if index == 0 else f"abs(d{index - 1}) + d{index - 1}", "a formula", definitions)
    return definitions


KINDS = (
    Kind("checkpoint", 1.2, prepare_checkpoint, make_checkpoint, lambda _, folder: load_checkpoint(folder)),
    Kind("weights of torch", 0.4, prepare_weights, make_weights, lambda _, folder: read_torch_file(folder / "w.pt")),
    Kind("ONNX file to import", 1.0, prepare_import, make_original, load_original),
    Kind("ONNX file imported", 0.3, prepare_import, make_original, load_import),
    Kind("preprocess.json", 1.0, prepare_import, make_preprocess, load_plan),
    Kind("mapping", 1.0, prepare_import, make_mapping, load_plan),
    Kind("formula", 1.0, lambda _: None, make_formula, load_formula),
)
