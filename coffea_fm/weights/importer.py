"""Import weights: a checkpoint to fine-tune, and a bundle."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from coffea_fm.bundle import Manifest, Provenance, save_bundle
from coffea_fm.config import read_config
from coffea_fm.errors import InputError
from coffea_fm.export.card import draft_card
from coffea_fm.export.check import check_graphs
from coffea_fm.export.graphs import describe, make_graphs
from coffea_fm.importers.result import ImportResult
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.nn.checkpoint import save_checkpoint
from coffea_fm.weights.omnilearned import is_omnilearned, read_omnilearned, save_generator
from coffea_fm.weights.options import OmniLearnedOptions, WeaverOptions, WeightOptions
from coffea_fm.weights.read import read_torch_file
from coffea_fm.weights.weaver import read_weaver

_VERSIONS: Final = ("torch", "onnx", "onnxruntime", "numpy")
_EXAMPLES: Final = 64


def import_weights(
    model: Path, preprocess: Path | None, output: Path, *, mapping: str | None, name: str
) -> ImportResult:
    """Import weights of weaver or a checkpoint of OmniLearned, by its content; see `coffea_fm.importers.import_model`.

    The checkpoint, for ``coffea-fm finetune``, goes to the folder ``OUTPUT-checkpoint``.
    """
    if preprocess is not None:
        raise InputError(f"weights are imported without {preprocess}: their inputs are known; leave it out")
    content = read_torch_file(model)
    options: WeightOptions
    if is_omnilearned(content):
        source = "OmniLearned"
        options = OmniLearnedOptions() if mapping is None else read_config(mapping, OmniLearnedOptions, "mapping")
        network, config = read_omnilearned(content, options)
    else:
        source = "weaver"
        options = WeaverOptions() if mapping is None else read_config(mapping, WeaverOptions, "mapping")
        network, config = read_weaver(content, options)
    graphs = make_graphs(network, config.level)
    rng = np.random.default_rng(0)
    check = check_graphs(graphs, network, random_jets(config.level, rng.integers(1, 60, _EXAMPLES), rng))
    described, outputs = describe(network)
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    data = {"file": model.name, "sha256": sha256, "source": options.source or "not stated"}
    manifest = Manifest(
        name=name,
        level=config.level,
        outputs=outputs,
        graphs=described,
        provenance=Provenance(
            recipe={"imported": f"weights of {source}", "backbone": config.backbone.model_dump(mode="json")},
            data={**data},
            versions={package: version(package) for package in _VERSIONS},
        ),
        check=check,
    )
    checkpoint = output.with_name(f"{output.name}-checkpoint")
    checkpoint.mkdir(parents=True, exist_ok=True)
    save_checkpoint(checkpoint, network.state_dict(), config, {"imported": data})
    if is_omnilearned(content):
        save_generator(content, network, checkpoint)
    saved = save_bundle(output, manifest, graphs, draft_card(manifest))
    size = sum(path.stat().st_size for path in output.iterdir())
    classes = saved.output("scores").classes
    return ImportResult(str(output), saved.checksum, classes, check.maximal_difference, check.cases, size)
