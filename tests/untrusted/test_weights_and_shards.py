"""Weights, descriptions of networks, and shards that say something else than they hold."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import random_jets
import torch

from coffea_fm.errors import InputError
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig, load_checkpoint, load_tensors, save_checkpoint, save_tensors
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.untrusted.safetensors_header import MOST_HEADER


def tensor(dtype="F32", shape=(2,), place=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(place)}


HEADERS = {
    "a key twice": ('{"a": %s, "a": %s}' % ((json.dumps(tensor()),) * 2), 8, "the key 'a' twice"),
    "an overlap": ({"a": tensor(), "b": tensor(place=(4, 12))}, 12, "a hole or overlap"),
    "a hole": ({"a": tensor(), "b": tensor(place=(12, 20))}, 20, "a hole or overlap"),
    "bytes after the end": ({"a": tensor()}, 100, "its tensors have 8 bytes, and the file holds 100"),
    "too few bytes": ({"a": tensor()}, 4, "its tensors have 8 bytes"),
    "another size than the shape": ({"a": tensor(shape=(3,))}, 8, "the size of its shape"),
    "a shape that overflows": ({"a": tensor(shape=(2**40, 2**40))}, 8, "the size of its shape"),
    "a negative shape": ({"a": tensor(shape=(-2,))}, 8, "not described as it must be"),
    "a shape of a fraction": ({"a": tensor(shape=(2.0,))}, 8, "not described as it must be"),
    "an unknown type": ({"a": tensor(dtype="PICKLE")}, 8, "unknown type"),
    "more about a tensor": ({"a": tensor() | {"run": "x"}}, 8, "not described as it must be"),
    "metadata of other kinds": ({"__metadata__": {"a": 1}}, 0, "metadata are not text"),
    "no object": ([], 0, "not a JSON object"),
    "no JSON": ("{", 0, "not JSON"),
    "much nesting": ("[" * 5000, 0, "nested|not JSON"),
}


@pytest.mark.parametrize(("header", "size", "words"), HEADERS.values(), ids=HEADERS.keys())
def test_headers_of_safetensors(tmp_path, header, size, words):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    with pytest.raises(InputError, match=words):
        load_tensors(path)


@pytest.mark.parametrize("length", [MOST_HEADER + 1, 2**40, 2**64 - 1])
def test_headers_of_any_length_are_not_read(tmp_path, length):
    path = tmp_path / "w.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + bytes(100))
    with pytest.raises(InputError, match=r"its header has"):
        load_tensors(path)


def test_what_we_write_is_read(tmp_path):
    tensors = {
        "a": torch.rand(3, 2),
        "b": torch.arange(4),
        "empty": torch.zeros(0, 3),
        "half": torch.ones(3).bfloat16(),
    }
    save_tensors(tmp_path / "w.safetensors", tensors, {"seen": 3})
    read, about = load_tensors(tmp_path / "w.safetensors")
    assert about == {"seen": 3}
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


@pytest.fixture
def checkpoint(tmp_path):
    network = NetworkConfig(level=random_jets.LEVEL, backbone=SetTransformerConfig(size="tiny"))
    save_checkpoint(tmp_path, network.build().state_dict(), network, {})
    return tmp_path


@pytest.mark.parametrize(
    "change", [{"dim": 16384, "layers": 200}, {"dim": 2**40}, {"layers": 10**9}, {"registers": 10**12}]
)
def test_networks_are_not_built_beyond_their_weights(checkpoint, change):
    path = checkpoint / "config.json"
    content = json.loads(path.read_text())
    content["network"]["backbone"] |= change
    path.write_text(json.dumps(content))
    start = time.process_time()
    with pytest.raises(InputError, match=r"much larger than its weights|less than or equal"):
        load_checkpoint(checkpoint)
    assert time.process_time() - start < 5


@pytest.fixture
def shard(tmp_path):
    packed, target = random_jets.random_jets(20)
    source = Source(dataset="d", file="f", start=0, stop=20)
    path = tmp_path / "a.parquet"
    write_shard(path, packed, random_jets.LEVEL, columns={"target": target}, classes=random_jets.CLASSES, source=source)
    return path


def other(table, name, column):
    return table.set_column(table.column_names.index(name), name, column)


COLUMNS = {
    "other lists": (lambda t: other(t, "constituents.pt", pa.array([[1.0]] * 20)), "lists of other lengths"),
    "no lists": (lambda t: other(t, "constituents.pt", pa.array([1.0] * 20)), "has no lists"),
    "text": (lambda t: other(t, "jet.eta", pa.array(["a"] * 20)), "holds no numbers"),
    "missing": (lambda t: t.drop_columns(["constituents.pt"]), "has no column 'constituents.pt'"),
    "twice": (lambda t: t.append_column("jet.eta", t.column("jet.eta")), "two columns of one name"),
    "missing lists": (lambda t: other(t, "constituents.pt", pa.nulls(20, pa.list_(pa.float32()))), "other lengths"),
    "no target": (lambda t: t.drop_columns(["target"]), "has no column 'target'"),
    "a target of text": (lambda t: other(t, "target", pa.array(["a"] * 20)), "the range of the column 'target'"),
}


@pytest.mark.parametrize(("change", "words"), COLUMNS.values(), ids=COLUMNS.keys())
def test_columns_of_shards(shard, change, words):
    pq.write_table(change(pq.read_table(shard)), shard)
    with pytest.raises(InputError, match=words):
        list(ShardDataset(shard.parent))


def test_shards_that_would_need_much_memory(shard):
    """Two million equal numbers are a few bytes in parquet."""
    table = pq.read_table(shard)
    many = pa.table(
        {name: pa.concat_arrays([table.column(name).combine_chunks().slice(0, 1)] * 3) for name in table.column_names}
    )
    rows = 2**21
    indices = pa.array(np.zeros(rows, np.int32))
    huge = pa.table(
        {name: many.column(name).combine_chunks().take(indices) for name in many.column_names}, table.schema
    )
    pq.write_table(huge.replace_schema_metadata(table.schema.metadata), shard, row_group_size=rows)
    assert shard.stat().st_size < 2**25
    with pytest.raises(InputError, match=r"would need more than 512 MiB"):
        list(ShardDataset(shard.parent))


def test_footers_larger_than_the_file(shard):
    data = shard.read_bytes()
    shard.write_bytes(data[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(InputError, match=r"does not end as parquet files do"):
        ShardDataset(shard.parent)


def with_footer(data, change):
    """A parquet file with another footer."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = change(data[start:-8])
    assert footer != data[start:-8]
    return data[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def first(old, new):
    """Replaces the first bytes that match a pattern."""
    return lambda footer: re.sub(old, lambda _: new, footer, count=1, flags=re.DOTALL)


def one_more(footer):
    """Another column of integers at the beginning of the schema."""
    head = re.compile(rb"(\x15\x04\x19\xfc)(.)(\x35\x00\x18\x06schema\x15)(.)\x00", re.DOTALL).match(footer)
    elements, columns = bytes([head[2][0] + 1]), bytes([head[4][0] + 2])
    return head[1] + elements + head[3] + columns + b"\x00" + b"\x15\x02\x25\x02\x18\x01x\x00" + footer[head.end() :]


# In Thrift's compact protocol a byte tells how much the number of the field grows, and its type. This is an element of a
# list: a float (15 08), optional (25 02), and its name.
ELEMENT = b"\x15\x08\x25\x02\x18\x07element"
BOUNDS = rb"\x18\x04....\x18\x04"
FOOTERS = {
    "elements that cannot be missing": (first(ELEMENT, b"\x15\x08\x25\x00\x18\x07element"), "other levels"),
    "elements that are repeated": (first(ELEMENT, b"\x15\x08\x25\x04\x18\x07element"), "other levels"),
    "an unknown repetition": (first(ELEMENT, b"\x15\x08\x25\x12\x18\x07element"), "neither required nor optional"),
    "a name that is no text": (first(b"constituents.pt", b"constituents\xff\xfft"), "whose name is not valid text"),
    "another type": (first(ELEMENT, b"\x15\x0a\x25\x02\x18\x07element"), "another type than its schema"),
    "short bounds": (first(BOUNDS, b"\x18\x03abc\x18\x04"), "bounds of another size"),
    "long bounds": (first(BOUNDS, b"\x18\x05abcde\x18\x04"), "bounds of another size"),
    "one column more in the schema": (one_more, "a row group has 16 columns, and its schema 17"),
    "an end that is missing": (lambda footer: footer[: len(footer) // 2], "ends too early"),
    "much nesting": (lambda footer: b"\x1c" * 1000 + footer, "nested too deeply"),
    "a type that does not exist": (lambda footer: b"\x1e" + footer, "unknown type 14"),
    "an endless integer": (lambda footer: b"\x15" + b"\xff" * 1000 + footer, "more than 64 bits"),
}


@pytest.mark.parametrize(("change", "words"), FOOTERS.values(), ids=FOOTERS.keys())
def test_footers_that_contradict_themselves(shard, change, words):
    """pyarrow ends the process for some of these."""
    shard.write_bytes(with_footer(shard.read_bytes(), change))
    with pytest.raises(InputError, match=words):
        list(ShardDataset(shard.parent))
