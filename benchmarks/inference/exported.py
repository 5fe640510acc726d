"""ParticleNet and L-GATr with random weights: coffea's wrapper around the torch network, and the exported graph by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import raw
import torch
from coffea.ml_tools import torch_wrapper
from jets import LEVEL, load_jets
from torch.utils.flop_counter import FlopCounterMode

from coffea_fm.bundle import Bundle, Provenance, load_bundle
from coffea_fm.classes import JET_CLASSES
from coffea_fm.export import export_model
from coffea_fm.nn.backbones.backbone import BackboneConfig
from coffea_fm.nn.backbones.lgatr import LGATrSlimConfig
from coffea_fm.nn.backbones.particle_net import ParticleNetConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.tokens import array_names
from coffea_fm.tokens.pack import pack

NETWORKS: dict[str, BackboneConfig] = {"ParticleNet": ParticleNetConfig(), "L-GATr-slim": LGATrSlimConfig()}
"""As published for jet tagging."""
_NAMES = array_names(LEVEL)
_LENGTHS = (20, 40, 80)


class _Scores(torch.nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
        inputs = Inputs.from_arrays(dict(zip(_NAMES, arrays, strict=True)), LEVEL)
        found: torch.Tensor = self.model.head(self.model.backbone(inputs).embedding).softmax(dim=1)
        return found


class Wrapper(torch_wrapper):
    """Coffea's wrapper; the raw columns are padded to 128 in awkward."""

    def prepare_awkward(self, jets: ak.Array) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arrays of flat jets."""
        arrays = raw.prepare(jets, LEVEL)
        return tuple(arrays[name] for name in _NAMES), {}


def make(name: str, folder: Path) -> tuple[Model, Wrapper, Bundle]:
    """The network, the wrapper of its trace, and its bundle in `folder`."""
    torch.manual_seed(0)
    head = ClassificationHeadConfig()
    model = NetworkConfig(level=LEVEL, backbone=NETWORKS[name], head=head, classes=JET_CLASSES).build().eval()
    jets = load_jets(1000)
    export_model(model, pack(jets, LEVEL)[0], folder / "bundle", provenance=Provenance(), card="")
    example = raw.prepare(ak.flatten(jets)[:3], LEVEL)
    with torch.no_grad():
        arrays = tuple(torch.from_numpy(example[name]) for name in _NAMES)
        torch.jit.trace(_Scores(model), arrays, check_trace=False).save(str(folder / "network.pt"))
    return model, Wrapper(str(folder / "network.pt")), load_bundle(folder / "bundle")


def flops(model: Model, lengths: np.ndarray) -> float:
    """Operations of the matrix products for jets of these lengths: a polynomial of second degree in the length."""
    arrays = raw.prepare(ak.flatten(load_jets(20))[:1], LEVEL)
    counted = []
    for length in _LENGTHS:
        given = [torch.from_numpy(arrays[name]) for name in _NAMES]
        cut = [array[:, :length] if array.dim() > 1 and array.shape[1] == raw.N_SLOTS else array for array in given]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            _Scores(model)(*cut)
        counted.append(counter.get_total_flops())
    return float(np.polyval(np.polyfit(_LENGTHS, counted, 2), lengths).sum())
