"""Import checkpoints of OmniLearned (arXiv:2510.24066): a checkpoint to fine-tune, and a bundle."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from pydantic import PositiveInt

from coffea_fm.bundle import Manifest, Provenance, save_bundle
from coffea_fm.config import Config, read_config
from coffea_fm.errors import InputError
from coffea_fm.export.card import draft_card
from coffea_fm.export.check import check_graphs
from coffea_fm.export.graphs import describe, make_graphs
from coffea_fm.importers.result import ImportResult
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.nn.backbones.omnilearned import from_omnilearned_state
from coffea_fm.nn.checkpoint import NetworkConfig, save_checkpoint
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.model import Model
from coffea_fm.tokens import jet_level, token_level

BODY: Final = "body"
CLASSIFIER: Final = "classifier_head"
_FIELDS: Final = {
    "kinematic": ("pt", "eta", "phi", "mass"),
    "identified": ("pt", "eta", "phi", "mass", "pdgId"),
    "jetclass": ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error"),
}
_VERSIONS: Final = ("torch", "onnx", "onnxruntime", "numpy")
_EXAMPLES: Final = 64


class OmniLearnedOptions(Config):
    """What a checkpoint of OmniLearned does not say.

    Parameters
    ----------
    classes : tuple of str
        Names of its classes in order; ``class_0`` and so on by default.
    max_tokens : int
        Number of particles that are read of each jet, the hardest first.
    """

    classes: tuple[str, ...] = ()
    max_tokens: PositiveInt = 150


def is_omnilearned(content: object) -> bool:
    """Whether the content of a file written by ``torch.save`` is a checkpoint of OmniLearned."""
    return isinstance(content, Mapping) and isinstance(content.get(BODY), Mapping)


def import_omnilearned(
    model: Path, preprocess: Path | None, output: Path, *, mapping: str | None, name: str
) -> ImportResult:
    """Import a checkpoint of OmniLearned; see `coffea_fm.importers.import_model`.

    The checkpoint, for ``coffea-fm finetune``, goes to the folder ``OUTPUT-checkpoint``.
    """
    if preprocess is not None:
        raise InputError(f"OmniLearned has no {preprocess}: its inputs follow from its weights; leave it out")
    options = OmniLearnedOptions() if mapping is None else read_config(mapping, OmniLearnedOptions, "mapping")
    network, config = read_omnilearned(_read(model), options)
    graphs = make_graphs(network, config.level)
    rng = np.random.default_rng(0)
    check = check_graphs(graphs, network, random_jets(config.level, rng.integers(1, 60, _EXAMPLES), rng))
    described, outputs = describe(network)
    data = {"file": model.name, "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    manifest = Manifest(
        name=name,
        level=config.level,
        outputs=outputs,
        graphs=described,
        provenance=Provenance(
            recipe={"imported": "OmniLearned", "backbone": config.backbone.model_dump(mode="json")},
            data={**data},
            versions={package: version(package) for package in _VERSIONS},
        ),
        check=check,
    )
    checkpoint = output.with_name(f"{output.name}-checkpoint")
    checkpoint.mkdir(parents=True, exist_ok=True)
    save_checkpoint(checkpoint, network.state_dict(), config, {"imported": data})
    saved = save_bundle(output, manifest, graphs, draft_card(manifest))
    size = sum(path.stat().st_size for path in output.iterdir())
    classes = saved.output("scores").classes
    return ImportResult(str(output), saved.checksum, classes, check.maximal_difference, check.cases, size)


def read_omnilearned(content: Mapping[str, Any], options: OmniLearnedOptions) -> tuple[Model, NetworkConfig]:
    """Build the network of a checkpoint and load the weights.

    Raises
    ------
    InputError
        If it has no classifier, is not of a published size, or has another number of classes than are named.
    """
    if CLASSIFIER not in content:
        raise InputError(
            f"this checkpoint of OmniLearned has no {CLASSIFIER!r}: give a checkpoint of a classifier or of a pretraining"
        )
    found = from_omnilearned_state(content[BODY], content[CLASSIFIER])
    count = len(found.head["layers.1.bias"])
    classes = options.classes or tuple(f"class_{index}" for index in range(count))
    if len(classes) != count:
        raise InputError(f"the checkpoint has {count} classes, but the mapping names {len(classes)}: name them all")
    fields = _FIELDS[found.config.features]
    tokens = token_level("constituents", fields, minimum=1, maximum=options.max_tokens)
    config = NetworkConfig(
        level=jet_level((tokens,), ("pt_raw", "eta", "phi")),
        backbone=found.config,
        head=ClassificationHeadConfig(),
        classes=classes,
    )
    network = config.build().eval()
    try:
        network.backbone.load_state_dict(found.backbone)
        assert network.head is not None
        network.head.load_state_dict(found.head)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the weights do not fit the PET2 of OmniLearned 0.2 ({reason})") from error
    return network, config


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"cannot read {path} without running code in it ({reason}): save only its tensors") from error
    if not is_omnilearned(content):
        raise InputError(f"{path} is not a checkpoint of OmniLearned: it has no state dict {BODY!r}")
    found: Mapping[str, Any] = content
    return found
