"""Models exported by weaver-core itself, for JetClass inputs, and jets prepared by weaver-core."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import yaml

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
FEATURES = [
    ["part_pt_log", 1.7, 0.7],
    ["part_e_log", 2.0, 0.7],
    ["part_logptrel", -4.7, 0.7],
    ["part_logerel", -4.7, 0.7],
    ["part_deltaR", 0.2, 4.0],
    ["part_charge", None],
    ["part_isChargedHadron", None],
    ["part_isNeutralHadron", None],
    ["part_isPhoton", None],
    ["part_isElectron", None],
    ["part_isMuon", None],
    ["part_d0", None],
    ["part_d0err", 0, 1, 0, 1],
    ["part_dz", None],
    ["part_dzerr", 0, 1, 0, 1],
    ["part_deta", None],
    ["part_dphi", None],
]
FORMULAS = {
    "part_mask": "ak.ones_like(part_energy)",
    "part_pt": "np.hypot(part_px, part_py)",
    "part_pt_log": "np.log(part_pt)",
    "part_e_log": "np.log(part_energy)",
    "part_logptrel": "np.log(part_pt/jet_pt)",
    "part_logerel": "np.log(part_energy/jet_energy)",
    "part_deltaR": "np.hypot(part_deta, part_dphi)",
    "part_d0": "np.tanh(part_d0val)",
    "part_dz": "np.tanh(part_dzval)",
}
PARTICLE_NET = """
import torch
from weaver.nn.model.ParticleNet import ParticleNet

class Wrapper(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.mod = ParticleNet(**options)
    def forward(self, points, features, lorentz_vectors, mask):
        return self.mod(points, features, mask)

def get_model(data_config, for_inference=False, **options):
    convs = [(8, (32, 32)), (8, (64, 64))]
    model = Wrapper(input_dims=17, num_classes=10, conv_params=convs, fc_params=[(64, 0.1)], use_fusion=True,
                    use_fts_bn=True, for_inference=for_inference, **options)
    return model, info(data_config)
"""
PARTICLE_TRANSFORMER = """
import torch
from weaver.nn.model.ParticleTransformer import ParticleTransformer

class Wrapper(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.mod = ParticleTransformer(**options)
    def forward(self, points, features, lorentz_vectors, mask):
        return self.mod(features, v=lorentz_vectors, mask=mask)

def get_model(data_config, for_inference=False, **options):
    model = Wrapper(input_dim=17, num_classes=10, pair_input_dim=4, embed_dims=[32, 32], pair_embed_dims=[16, 16],
                    num_heads=4, num_layers=2, num_cls_layers=1, trim=False, for_inference=for_inference,
                    use_pre_activation_pair=False, **options)
    return model, info(data_config)
"""
INFO = """
def info(data_config):
    names = list(data_config.input_names)
    axes = {name: {0: "N", 2: "n_pf"} for name in names} if DYNAMIC else {}
    if BATCHED:
        axes = {name: {0: "N", **axes.get(name, {})} for name in names} | {"softmax": {0: "N"}}
    elif DYNAMIC:
        axes = {name: {2: "n_pf"} for name in names}
    return {"input_names": names, "input_shapes": {k: ((1,) + s[1:]) for k, s in data_config.input_shapes.items()},
            "output_names": ["softmax"], "dynamic_axes": axes}
"""


def data_config(pad_mode: str, length: int = 64) -> dict:
    """The data configuration of JetClass's "full" inputs, with its own padding or with constants."""

    def group(variables, mode=pad_mode):
        return {"length": length, "pad_mode": mode, "vars": variables}

    return {
        "treename": "tree",
        "new_variables": FORMULAS,
        "preprocess": {"method": "manual"},
        "inputs": {
            "pf_points": group([["part_deta", None], ["part_dphi", None]]),
            "pf_features": group(FEATURES),
            "pf_vectors": group([[f"part_{name}", None] for name in ("px", "py", "pz", "energy")]),
            "pf_mask": group([["part_mask", None]], "constant"),
        },
        "labels": {"type": "simple", "value": [f"label_{name}" for name in CLASSES]},
    }


def export(folder: Path, network: str, pad_mode: str, *, dynamic: bool = True, batched: bool = True) -> Path:
    """Let weaver-core export a network with random weights; returns the path of the ONNX file."""
    from weaver.train import onnx

    logging.getLogger("weaver").setLevel(logging.CRITICAL)
    (folder / "data.yaml").write_text(yaml.safe_dump(data_config(pad_mode), sort_keys=False))
    code = INFO.replace("DYNAMIC", str(dynamic)).replace("BATCHED", str(batched)) + network
    (folder / "network.py").write_text(code)
    _weights(folder, code)
    args = Namespace(
        export_onnx=str(folder / "model.onnx"),
        model_prefix=str(folder / "net.pt"),
        data_config=str(folder / "data.yaml"),
        network_config=str(folder / "network.py"),
        network_option=[],
        onnx_opset=15,
        use_amp=False,
        compile=False,
        load_model_weights=None,
        exclude_model_weights=None,
        freeze_model_weights=None,
        train_mode="cls",
        regression_mode=False,
    )
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        onnx(args)
    return folder / "model.onnx"


def _weights(folder: Path, code: str) -> None:
    """Save weights for the network, with batch norms that are not trivial."""
    from weaver.utils.dataset import DataConfig

    scope: dict = {}
    exec(code, scope)  # noqa: S102 - this module's own text
    torch.manual_seed(3)
    model, _ = scope["get_model"](DataConfig.load(str(folder / "data.yaml")))
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
    last.weight.data *= 3 / last.weight.shape[1] ** 0.5  # so that scores differ from jet to jet
    torch.save(model.state_dict(), folder / "net.pt")


def prepared(folder: Path, files: list[str], jets: int) -> dict[str, np.ndarray]:
    """Inputs of the first jets of each file, prepared by weaver-core itself."""
    import awkward as ak
    import uproot
    from weaver.utils.data.preprocess import _build_new_variables
    from weaver.utils.dataset import DataConfig, _finalize_inputs

    config = DataConfig.load(str(folder / "data.yaml"))
    parts = []
    for file in files:
        with uproot.open(file) as tree:
            table = ak.to_packed(tree["tree"].arrays(entry_stop=jets))
        table = _build_new_variables(table, config.test_var_funcs)
        parts.append(_finalize_inputs(table, config))
    return {name: np.concatenate([part["_" + name] for part in parts]) for name in config.input_names}
