"""What needs torch to be read: checkpoints, weights, recipes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from mutations import Rng, mutate_bytes, mutate_tree, one_of
from yaml_mutations import mutated_yaml

from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.training.recipe.recipe import load_recipe
from coffea_fm.weights.read import read_torch_file
from kinds.kind import Kind

PROJECT = Path(__file__).parents[3]
FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")


def prepare_checkpoint(folder: Path) -> Path:
    constituents = token_level("constituents", FIELDS, minimum=1)
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
            weights.write_bytes(
                one_of(rng, lambda: mutate_bytes(data[:400], rng) + data[400:], lambda: mutate_bytes(data, rng))
            )


def prepare_weights(folder: Path) -> bytes:
    torch.save({"a.weight": torch.rand(3, 4), "a.bias": torch.rand(3), "n": {"epoch": 3}}, folder / "w.pt")
    return (folder / "w.pt").read_bytes()


def make_weights(data: bytes, rng: Rng, folder: Path) -> None:
    (folder / "w.pt").write_bytes(mutate_bytes(data, rng))


def make_recipe(_: None, rng: Rng, folder: Path) -> None:
    recipes = sorted((PROJECT / "models").glob("*/recipe.yaml"))
    data = recipes[rng.integers(0, len(recipes))].read_bytes()
    (folder / "recipe.yaml").write_bytes(mutated_yaml(data, rng))


KINDS = (
    Kind("checkpoint", prepare_checkpoint, make_checkpoint, lambda _, folder: load_checkpoint(folder)),
    Kind("weights of torch", prepare_weights, make_weights, lambda _, folder: read_torch_file(folder / "w.pt")),
    Kind("recipe", lambda _: None, make_recipe, lambda _, folder: load_recipe(folder / "recipe.yaml")),
)
