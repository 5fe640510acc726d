"""What people write today: ParT's features in awkward, padded to 128, given to torch or to onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnxruntime
import torch
from coffea.ml_tools import torch_wrapper
from weaver.nn.model.ParticleTransformer import ParticleTransformer

N_SLOTS = 128
CONFIG: dict[str, Any] = {
    "input_dim": 17,
    "num_classes": 10,
    "pair_input_dim": 4,
    "use_pre_activation_pair": False,
    "embed_dims": [128, 512, 128],
    "pair_embed_dims": [64, 64, 64],
    "num_heads": 8,
    "num_layers": 8,
    "num_cls_layers": 2,
    "block_params": None,
    "cls_block_params": {"dropout": 0, "attn_dropout": 0, "activation_dropout": 0},
    "fc_params": [],
    "activation": "gelu",
    "trim": False,
}
"""weaver-core's ParT of the JetClass "full" configuration, 2,143,486 parameters."""


def make_weights() -> dict[str, torch.Tensor]:
    """The one set of weights that every row of the benchmark uses, with batch norms that are not trivial."""
    torch.manual_seed(0)
    network = ParticleTransformer(**CONFIG)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network.state_dict()


def network(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The network for inference, softmax included."""
    built = ParticleTransformer(**CONFIG, for_inference=True)
    built.load_state_dict(weights)
    return built.eval()


def _example() -> tuple[torch.Tensor, ...]:
    points = torch.randn(2, 17, N_SLOTS)
    vectors = torch.randn(2, 4, N_SLOTS)
    vectors[:, 3] = 1 + vectors[:, :3].norm(dim=1)
    mask = torch.ones(2, 1, N_SLOTS, dtype=torch.bool)
    mask[1, :, 40:] = False
    return points, vectors, mask


def export_torchscript(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Trace the network, as coffea's torch_wrapper wants it."""
    with torch.no_grad():
        torch.jit.trace(network(weights), _example(), check_trace=False).save(str(path))


def export_onnx(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Export the network the way weaver does: batch and length dynamic."""
    torch.onnx.export(
        network(weights),
        _example(),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["points", "vectors", "mask"],
        output_names=["scores"],
        dynamic_axes={name: {0: "sets", 2: "tokens"} for name in ("points", "vectors", "mask")},
    )


def prepare(jets: ak.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of flat jets in awkward, padded: points [n, 17, 128], vectors [n, 4, 128], mask [n, 1, 128]."""
    tokens = jets.constituents[ak.argsort(jets.constituents.pt, ascending=False)]
    pt, eta, phi, mass = tokens.pt, tokens.eta, tokens.phi, tokens.mass
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    jet_energy = np.sqrt((jets.pt * np.cosh(jets.eta)) ** 2 + jets.mass**2)
    deta = (eta - jets.eta) * np.where(jets.eta < 0, -1, 1)
    dphi = (phi - jets.phi + np.pi) % (2 * np.pi) - np.pi
    kind = abs(tokens.pdgId)
    columns = [
        (np.log(pt) - 1.7) * 0.7,
        (np.log(energy) - 2.0) * 0.7,
        (np.log(pt / jets.pt) + 4.7) * 0.7,
        (np.log(energy / jet_energy) + 4.7) * 0.7,
        (np.hypot(deta, dphi) - 0.2) * 4.0,
        tokens.charge,
        kind == 211,
        kind == 130,
        kind == 22,
        kind == 11,
        kind == 13,
        np.tanh(ak.fill_none(tokens.d0, 0)),
        np.minimum(ak.fill_none(tokens.d0_error, 0), 1),
        np.tanh(ak.fill_none(tokens.dz, 0)),
        np.minimum(ak.fill_none(tokens.dz_error, 0), 1),
        deta,
        dphi,
    ]
    points = np.clip(_cube(columns), -5, 5)
    mask = _cube([ak.ones_like(pt)]) > 0
    vectors = _cube([px, py, pz, energy])
    vectors[:, ::3] += ~mask  # weaver's ONNX export computes atan2(0, 0) as NaN: padding moves along x
    return points * mask, vectors, mask


def _cube(columns: list[ak.Array]) -> np.ndarray:
    padded = [ak.fill_none(ak.pad_none(column, N_SLOTS, axis=1, clip=True), 0)[:, np.newaxis, :] for column in columns]
    return ak.to_numpy(ak.concatenate(padded, axis=1), allow_missing=False).astype(np.float32)


class ParTWrapper(torch_wrapper):
    """The wrapper as coffea's documentation shows it."""

    def prepare_awkward(self, jets: ak.Array) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the features of flat jets."""
        return prepare(jets), {}


def run_script(model: Any, inputs: tuple[np.ndarray, ...], batch: int) -> np.ndarray:
    """Scores of the TorchScript network in batches of as many jets."""
    with torch.no_grad():
        parts = [
            model(*(torch.from_numpy(array[start : start + batch]) for array in inputs)).numpy()
            for start in range(0, len(inputs[0]), batch)
        ]
    return np.concatenate(parts)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """A session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, inputs: tuple[np.ndarray, ...], batch: int) -> np.ndarray:
    """Scores in batches of as many jets."""
    names = ("points", "vectors", "mask")
    starts = range(0, len(inputs[0]), batch)
    feeds = [dict(zip(names, (array[start : start + batch] for array in inputs), strict=True)) for start in starts]
    return np.concatenate([session.run(None, feed)[0] for feed in feeds])


def run_sorted(session: onnxruntime.InferenceSession, inputs: tuple[np.ndarray, ...], batch: int = 16) -> np.ndarray:
    """The best recipe of a skilled user: sorted by length, in small batches that are cut to their longest jet."""
    lengths = inputs[2].sum(axis=(1, 2)).astype(np.int64)
    order = np.argsort(-lengths, kind="stable")
    names = ("points", "vectors", "mask")
    scores = np.empty((len(order), CONFIG["num_classes"]), np.float32)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        longest = max(2, lengths[chosen[0]])
        feed = {name: array[chosen, :, :longest] for name, array in zip(names, inputs, strict=True)}
        scores[chosen] = session.run(None, feed)[0]
    return scores


def run_padded(model: Any, inputs: tuple[np.ndarray, ...], tokens: int, device: str) -> np.ndarray:
    """Scores of a torch network on a device: sorted by length, in batches of about as many padded tokens."""
    lengths = inputs[2].sum(axis=(1, 2)).astype(np.int64)
    order = np.argsort(-lengths, kind="stable")
    scores = np.empty((len(order), CONFIG["num_classes"]), np.float32)
    start = 0
    with torch.no_grad():
        while start < len(order):
            longest = int(max(2, lengths[order[start]]))
            chosen = order[start : start + max(2, tokens // longest)]
            given = (torch.from_numpy(array[chosen, :, :longest]).to(device) for array in inputs)
            scores[chosen] = model(*given).float().cpu().numpy()
            start += len(chosen)
    return scores
