"""Data and settings: shards, recipes, filesets, outputs of runs, histograms, friend files, corrections."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import awkward as ak
import cloudpickle
import hist
import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import random_jets
import uproot
from coffea.processor import defaultdict_accumulator
from mutations import Rng, mutate_bytes, mutate_tree, one_of

from coffea_fm.analysis.counts import Counts
from coffea_fm.analysis.histogram_files import read_histograms, write_histograms
from coffea_fm.inference.corrections.file import CorrectionFile
from coffea_fm.inference.friends.columns import with_friend
from coffea_fm.inference.friends.metadata import (
    KEY,
    TREE,
    FriendColumn,
    FriendMetadata,
    FriendModel,
    FriendSource,
)
from coffea_fm.running.sources import read_fileset
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.shards.metadata import KEY as SHARD
from coffea_fm.untrusted.pickles import load_output
from kinds.kind import Kind


def prepare_shards(folder: Path) -> Path:
    packed, target = random_jets.random_jets(30)
    source = Source(dataset="d", file="f", start=0, stop=30)
    columns = {"target": target, "weight": np.ones(30)}
    write_shard(
        folder / "a.parquet", packed, random_jets.LEVEL, columns=columns, classes=random_jets.CLASSES, source=source
    )
    return folder


def make_shard(seeds: Path, rng: Rng, folder: Path) -> None:
    path = next(seeds.glob("*.parquet"))
    data, target = path.read_bytes(), folder / "a.parquet"
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    match int(rng.integers(0, 6)):
        case 0:
            target.write_bytes(mutate_bytes(data, rng))
        case 1:
            end = mutate_bytes(data[footer:-8], rng)
            target.write_bytes(data[:footer] + end + len(end).to_bytes(4, "little") + b"PAR1")
        case 2:
            target.write_bytes(mutate_bytes(data[:2000], rng)[:2000].ljust(2000, b"\0") + data[2000:])
        case 3 | 4:
            table = pq.read_table(path)
            about = json.loads(table.schema.metadata[SHARD])
            text = json.dumps(mutate_tree(about, rng))
            pq.write_table(table.replace_schema_metadata({SHARD: text}), target)
        case _:
            pq.write_table(_other_columns(pq.read_table(path), rng), target)


def _other_columns(table: pa.Table, rng: Rng) -> pa.Table:
    """A column of another type, missing, twice, or with other lists."""
    index = int(rng.integers(0, table.num_columns))
    name, n = table.column_names[index], table.num_rows
    column = one_of(
        rng,
        lambda: pa.array(["x"] * n),
        lambda: pa.nulls(n, pa.float32()),
        lambda: pa.array([[1.0]] * n),
        lambda: pa.array([[[1.0]]] * n),
        lambda: pa.array([None] * n, pa.list_(pa.float32())),
        lambda: pa.array([{"a": 1}] * n),
        lambda: table.column(index).slice(0, n - 1).combine_chunks().cast(table.column(index).type),
        lambda: pa.array([[1.0, None]] * n),
    )
    if len(column) < n or rng.random() < 0.2:
        return table.remove_column(index)
    if rng.random() < 0.1:
        return table.append_column(name, column)
    return table.set_column(index, name, column)


def load_shards(_: Path, folder: Path) -> object:
    shards = ShardDataset(folder)
    for part in shards:
        assert len(part[0]) >= 0
    return shards.scalars(*shards.scalar_names)


FILESET = {
    "qcd": {"files": {"a.root": "Events"}, "treename": "Events", "metadata": {"xs": 1.5, "kind": "simulation"}},
    "hh": ["b.root", "c.parquet"],
    "tt": {"files": {"d.root": {"object_path": "Events", "steps": [[0, 10], [10, 20]]}}, "preload": ["pt"]},
}


def make_fileset(_: None, rng: Rng, folder: Path) -> None:
    def tree() -> None:
        (folder / "f.json").write_text(json.dumps(mutate_tree(FILESET, rng)))

    def bytes_() -> None:
        (folder / "f.json").write_bytes(mutate_bytes(json.dumps(FILESET).encode(), rng))

    def packed() -> None:
        data = gzip.compress(json.dumps(mutate_tree(FILESET, rng)).encode())
        (folder / "f.json.gz").write_bytes(mutate_bytes(data, rng) if rng.random() < 0.7 else data)

    def lines() -> None:
        (folder / "f.txt").write_bytes(mutate_bytes(b"a.root\nroot://x//b.root:Events\n# c\n/d/e.parquet\n" * 5, rng))

    def bomb() -> None:
        (folder / "f.json.gz").write_bytes(gzip.compress(b"[" * int(10 ** rng.uniform(3, 8)), 9))

    one_of(rng, *[tree] * 12, *[bytes_] * 4, *[packed] * 4, *[lines] * 3, bomb)


def load_fileset(_: None, folder: Path) -> object:
    return read_fileset([str(next(folder.iterdir()))])


def prepare_output(_: Path) -> list[bytes]:
    axes = (hist.axis.StrCategory(["a", "b"], growth=True, name="c"), hist.axis.Regular(4, 0, 1, name="x"))
    filled = hist.Hist(*axes, storage=hist.storage.Weight())
    filled.fill(c=["a", "b"], x=[0.1, 0.6])
    outputs = [
        {"qcd": {"h": filled, "n": 3, "s": {1, 2}}},
        {"h": hist.Hist(hist.axis.Variable([0, 1, 3]), storage=hist.storage.Mean()), "i": hist.Hist(axes[1])},
        {"a": ak.Array([[1.5, 2], [], [3]]), "r": ak.Array([{"x": 1, "y": [1, 2]}, {"x": 2, "y": []}])},
        {"n": np.arange(5), "f": np.float64(2), "t": np.array(["a", "bc"]), "d": defaultdict_accumulator(lambda: 3)},
    ]
    return [cloudpickle.dumps(output) for output in outputs]


def make_output(pickles: list[bytes], rng: Rng, folder: Path) -> None:
    data = pickles[rng.integers(0, len(pickles))]
    if rng.random() < 0.05:
        packed = mutate_bytes(lz4.frame.compress(data), rng)
    else:
        packed = lz4.frame.compress(mutate_bytes(data, rng, pickles[0]))
    (folder / "output.coffea").write_bytes(packed)


def load_output_(_: Any, folder: Path) -> object:
    content = load_output(folder / "output.coffea")
    _touch(content)
    return content


def _touch(content: Any) -> None:
    """Use what was loaded: what is wrong with memory shows here at the latest."""
    if isinstance(content, dict):
        for value in content.values():
            _touch(value)
    elif isinstance(content, hist.BaseHist):
        assert content.view(flow=True).tobytes() is not None
    elif isinstance(content, ak.Array | np.ndarray):
        assert len(content.tolist()) >= 0


def prepare_histograms(folder: Path) -> Path:
    filled = hist.Hist(hist.axis.StrCategory(["a"], name="c"), hist.axis.Variable([0, 1, 3], name="x"))
    weighted = hist.Hist(hist.axis.Regular(3, 0, 1, name="x"), storage=hist.storage.Weight())
    write_histograms(folder / "histograms.zip", {"h": filled, "w": weighted})
    return folder / "histograms.zip"


def make_histograms(path: Path, rng: Rng, folder: Path) -> None:
    target = folder / "histograms.zip"
    if rng.random() < 0.4:
        target.write_bytes(mutate_bytes(path.read_bytes(), rng))
        return
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        chosen = str(rng.choice(old.namelist()))
        for name in old.namelist():
            data = old.read(name)
            if name == chosen and name.endswith(".json"):
                data = json.dumps(mutate_tree(json.loads(data), rng)).encode()
            elif name == chosen:
                data = mutate_bytes(data, rng)
            new.writestr(name, data)


def prepare_friends(folder: Path) -> Path:
    model = FriendModel(
        bundle="tiny",
        checksum="0" * 64,
        collection="FatJet",
        outputs=("scores",),
        columns=(FriendColumn(name="FatJet_tiny_QCD", field="tiny_QCD"), FriendColumn(name="FatJet_tiny_e", field="tiny_e", dim=2)),
    )  # fmt: skip
    source = FriendSource(dataset="d", file="a.root", treename="Events", uuid="u", entries=5)
    text = FriendMetadata(source=source, models=(model,)).model_dump_json()
    counts = np.array([1, 2, 0, 1, 1])
    vectors = ak.unflatten(ak.from_numpy(np.ones((5, 2), np.float32), regulararray=True), counts)
    array = ak.zip(
        {"FatJet_tiny_QCD": ak.unflatten(np.ones(5, np.float32), counts), "FatJet_tiny_e": vectors}, depth_limit=1
    )
    table = ak.to_arrow_table(array, extensionarray=False, list_to32=True)
    pq.write_table(table.replace_schema_metadata({KEY: text}), folder / "a.parquet")
    with uproot.recreate(folder / "a.root") as file:
        file[KEY] = text
        one = ak.unflatten(np.ones(5, np.float32), counts)
        branches = {"FatJet": ak.zip({"tiny_QCD": one, "tiny_e_0": one, "tiny_e_1": one})}
        file.mktree(TREE, {name: array.type.content for name, array in branches.items()}).extend(branches)
    (folder / "text.json").write_text(text)
    return folder


def make_friend(seeds: Path, rng: Rng, folder: Path) -> None:
    text = json.dumps(mutate_tree(json.loads((seeds / "text.json").read_text()), rng))
    match int(rng.integers(0, 4)):
        case 0:
            (folder / "a.root").write_bytes(mutate_bytes((seeds / "a.root").read_bytes(), rng))
        case 1:
            (folder / "a.parquet").write_bytes(mutate_bytes((seeds / "a.parquet").read_bytes(), rng))
        case 2:
            table = pq.read_table(seeds / "a.parquet")
            pq.write_table(table.replace_schema_metadata({KEY: text}), folder / "a.parquet")
        case _:
            shutil.copy(seeds / "a.root", folder / "a.root")
            with uproot.update(folder / "a.root") as file:
                file[KEY] = text.encode("utf-8", "replace").decode()


def load_friend(_: Path, folder: Path) -> object:
    jets = ak.unflatten(ak.zip({"pt": np.ones(5)}), np.array([1, 2, 0, 1, 1]))
    events = with_friend(ak.zip({"FatJet": jets}, depth_limit=1), next(folder.iterdir()))
    return events.FatJet.tolist()


CORRECTIONS = {
    "schema_version": 2,
    "corrections": [
        {
            "name": "sf", "version": 1, "description": "of 0123456789ab", "output": {"name": "w", "type": "real"},
            "inputs": [{"name": "pt", "type": "real"}, {"name": "systematic", "type": "string"}],
            "data": {"nodetype": "category", "input": "systematic", "content": [
                {"key": "nominal", "value": {"nodetype": "binning", "input": "pt", "edges": [0.0, 100.0, 200.0], "content": [1.0, 1.1], "flow": "clamp"}},
                {"key": "up", "value": {"nodetype": "multibinning", "inputs": ["pt"], "edges": [[0.0, 5.0, 10.0]], "content": [1.0, 1.1], "flow": "clamp"}},
                {"key": "down", "value": {"nodetype": "formula", "expression": "x*2", "parser": "TFormula", "variables": ["pt"]}},
            ]},
        }
    ],
}  # fmt: skip


def make_corrections(_: None, rng: Rng, folder: Path) -> None:
    text = json.dumps(mutate_tree(CORRECTIONS, rng)).encode()
    data = mutate_bytes(text, rng) if rng.random() < 0.3 else text
    packed = rng.random() < 0.2
    (folder / ("c.json.gz" if packed else "c.json")).write_bytes(gzip.compress(data) if packed else data)


def load_corrections(_: None, folder: Path) -> object:
    file = CorrectionFile.read(next(folder.iterdir()))
    return [
        (file.inputs(name), file.keys(name, "systematic"), file.edges(name, "pt"), file.model(name))
        for name in file.described
    ]


CUTFLOW = {
    "luminosity": [59.8],
    "cross_section": {"qcd": [1.2]},
    "mass": {"hh": [500]},
    "processed": {"qcd": {"kind": "simulation", "events": 10, "sum_of_weights": 9.5, "share": 0.5}},
}


def make_cutflow(_: None, rng: Rng, folder: Path) -> None:
    text = json.dumps(mutate_tree(CUTFLOW, rng)).encode()
    (folder / "cutflow.json").write_bytes(mutate_bytes(text, rng) if rng.random() < 0.3 else text)


def _nothing(_: Path) -> None:
    return None


KINDS = (
    Kind("shard", prepare_shards, make_shard, load_shards),
    Kind("fileset", _nothing, make_fileset, load_fileset),
    Kind("output.coffea", prepare_output, make_output, load_output_),
    Kind("histograms.zip", prepare_histograms, make_histograms, lambda _, folder: read_histograms(folder)),
    Kind("friend file", prepare_friends, make_friend, load_friend),
    Kind("corrections", _nothing, make_corrections, load_corrections),
    Kind("cutflow.json", _nothing, make_cutflow, lambda _, folder: Counts.read(folder)),
)
