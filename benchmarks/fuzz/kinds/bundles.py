"""Bundles: manifest, calibration, archive, and ONNX graphs; each that loads also tags a few jets."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnx
import tiny_bundles
from mutations import Rng, mutate_bytes, mutate_protobuf, mutate_tree, one_of
from onnx import TensorProto, helper

import coffea_fm
from coffea_fm.bundle.calibration import CALIBRATION, Calibration
from coffea_fm.bundle.manifest import Manifest
from coffea_fm.bundle.save import save_bundle
from coffea_fm.inference import process_cache, sessions
from kinds.kind import Kind

EXPORTS = Path(__file__).parents[3] / "exports"
SEEDS = ("tiny", "events", "jet-classifier-small", "ak4-flavour")


def prepare(folder: Path) -> Path:
    tiny_bundles.save_tiny(folder / "tiny", "tiny")
    tiny_bundles.save_tiny_event(folder / "events", "events")
    for name in SEEDS[2:]:
        shutil.copytree(EXPORTS / name, folder / name)
    return folder


def _seed(seeds: Path, rng: Rng, folder: Path) -> Path:
    place = seeds / SEEDS[rng.choice(len(SEEDS), p=[0.45, 0.45, 0.05, 0.05])]
    return Path(shutil.copytree(place, folder / "bundle"))


def _signed(content: Any) -> Any:
    """With the checksums that it would have, if it is a manifest at all: else nothing behind these is reached."""
    try:
        return content | {"checksum": Manifest.model_validate(content).content_hash()}
    except Exception:  # noqa: BLE001 - whatever it is, it is tried as it is
        return content


def make_manifest(seeds: Path, rng: Rng, folder: Path) -> None:
    path = _seed(seeds, rng, folder) / "manifest.json"
    data = path.read_bytes()
    if rng.random() < 0.25:
        path.write_bytes(mutate_bytes(data, rng))
    else:
        path.write_text(json.dumps(_signed(mutate_tree(json.loads(data), rng))))


def make_calibration(seeds: Path, rng: Rng, folder: Path) -> None:
    path = _seed(seeds, rng, folder) / CALIBRATION
    data = path.read_bytes()
    if rng.random() < 0.2:
        path.write_bytes(mutate_bytes(data, rng))
        return
    content = mutate_tree(json.loads(data), rng)
    with suppress(Exception):
        content |= {"checksum": Calibration.model_validate(content).content_hash()}
    path.write_text(json.dumps(content))


def make_archive(seeds: Path, rng: Rng, folder: Path) -> None:
    bundle = _seed(seeds, rng, folder)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED) as archive:
        for path in bundle.iterdir():
            info = zipfile.ZipInfo(path.name if rng.random() < 0.98 else "../" + path.name)
            info.compress_type = archive.compression
            info.external_attr = int(rng.choice([0o100644 << 16, 0, 0o120777 << 16], p=[0.9, 0.08, 0.02]))
            archive.writestr(info, path.read_bytes())
    shutil.rmtree(bundle)
    content = data.getvalue()
    directory = content.rfind(b"PK\x05\x06")
    start = content.find(b"PK\x01\x02")
    changed = one_of(
        rng,
        lambda: mutate_bytes(content, rng),
        lambda: content[:start] + mutate_bytes(content[start:], rng),  # the directory
        lambda: content[:directory] + mutate_bytes(content[directory:], rng),
        lambda: mutate_bytes(content[:200], rng) + content[200:],
    )
    (folder / "bundle.zip").write_bytes(changed)


def make_graph(_: Path, rng: Rng, folder: Path) -> None:
    tiny = rng.random() < 0.5
    manifest = tiny_bundles.tiny_manifest() if tiny else tiny_bundles.event_manifest("events")
    graphs = (
        {"backbone": tiny_bundles.backbone_bytes(), "head": tiny_bundles.head_bytes()}
        if tiny
        else {
            "backbone": tiny_bundles.backbone_bytes("FatJet", columns=4),
            "event-head": tiny_bundles.event_head_bytes(),
        }
    )
    name = list(graphs)[rng.integers(0, 2)]
    data = one_of(rng, lambda: graphs[name], lambda: graphs[name], lambda: _nested(graphs[name], rng))
    for _ in range(int(rng.integers(1, 3))):
        changes = (mutate_protobuf, mutate_protobuf, _with_operator, mutate_bytes)
        data = changes[rng.integers(0, len(changes))](data, rng)
    save_bundle(folder / "bundle", manifest, graphs | {name: data}, "")


def _nested(data: bytes, rng: Rng) -> bytes:
    """The graph with a condition inside a condition ..., each a graph in an attribute."""
    model = onnx.load_from_string(data)
    name = model.graph.output[0].name
    inner = helper.make_graph(
        [helper.make_node("Identity", [name], ["i"])], "inner", [], [helper.make_tensor_value_info("i", 1, None)]
    )
    for index in range(int(2 ** rng.uniform(0, 6))):
        output = helper.make_tensor_value_info(f"o{index}", 1, None)
        node = helper.make_node("If", ["yes"], [f"o{index}"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], f"g{index}", [], [output])
        if inner.ByteSize() > 100_000:
            break
    model.graph.node.extend(inner.node)
    model.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
    return bytes(model.SerializeToString())


_OPERATORS = ("ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Reshape", "Loop", "If", "Scan", "Gather", "Resize",
              "OneHot", "TopK", "NonZero", "Einsum", "Conv", "LSTM", "Split", "Slice", "SequenceConstruct", "RandomNormal",
              "EyeLike", "CumSum", "DequantizeLinear", "StringNormalizer", "Attention", "EPContext")  # fmt: skip


def _with_operator(data: bytes, rng: Rng) -> bytes:
    """The graph with one more operator, of odd inputs."""
    model = onnx.load_from_string(data) if _is_model(data) else onnx.ModelProto()
    numbers = [
        int(number) for number in rng.choice([0, 1, -1, 3, 1000, 10**6, 10**9, 2**40, 2**62], rng.integers(0, 5))
    ]
    model.graph.initializer.append(helper.make_tensor("odd", TensorProto.INT64, [len(numbers)], numbers))
    names = [value.name for value in model.graph.input] + [name for node in model.graph.node for name in node.output]
    inputs = [str(name) for name in rng.choice([*names, "odd", "odd", ""], rng.integers(1, 5))]
    operator = str(rng.choice(_OPERATORS))
    domain = str(rng.choice(["", "com.microsoft", "ai.onnx.ml", "evil.ops"], p=[0.85, 0.09, 0.05, 0.01]))
    extra = {"axis": int(rng.integers(-3, 4))} if rng.random() < 0.3 else {}
    node = helper.make_node(operator, inputs, ["odd_output"], domain=domain, **extra)
    model.graph.node.insert(0 if set(inputs) <= {"odd", ""} else len(model.graph.node), node)
    if rng.random() < 0.5:
        model.graph.output.append(helper.make_tensor_value_info("odd_output", TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _is_model(data: bytes) -> bool:
    try:
        onnx.load_from_string(data)
    except Exception:  # noqa: BLE001
        return False
    return True


def load(_: Path, folder: Path) -> object:
    """Load, open the sessions, and tag."""
    place = folder / "bundle.zip" if (folder / "bundle.zip").exists() else folder / "bundle"
    known = set(sessions._sessions)
    try:
        tagger = coffea_fm.load(place, threads=1)
        if tagger.manifest.level.name == "event":
            return tagger(_events(), FatJet=_events().FatJet)
        return tagger(_jets())
    finally:
        for key in set(sessions._sessions) - known:
            del sessions._sessions[key]
        process_cache._bundles.clear()


def _jets(n: int = 5) -> ak.Array:
    rng = np.random.default_rng(0)
    counts = np.array([3, 1, 0, 7, 2])[:n]
    names = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
    tokens = ak.unflatten(ak.zip({name: rng.uniform(1, 2, counts.sum()) for name in names}), counts)
    columns = {name: rng.uniform(200, 300, n) for name in ("pt", "mass", "msoftdrop", "pt_raw", "mass_raw")}
    columns |= {"eta": rng.uniform(-1, 1, n), "phi": rng.uniform(-1, 1, n)}
    return ak.zip({**columns, "constituents": tokens}, depth_limit=1)


def _events() -> ak.Array:
    return ak.zip({"FatJet": ak.unflatten(_jets(), np.array([2, 0, 3]))}, depth_limit=1)


KINDS = (
    Kind("manifest", prepare, make_manifest, load),
    Kind("calibration", prepare, make_calibration, load),
    Kind("archive", prepare, make_archive, load),
    Kind("ONNX graph", prepare, make_graph, load),
)
