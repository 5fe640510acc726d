"""Each published attack with ONNX files, made here, against bundles and against imported models."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import small_onnx
from external_tensors import external
from onnx import TensorProto, helper, load, numpy_helper, save

import coffea_fm
from coffea_fm.errors import BundleError, InputError
from coffea_fm.importers.weaver_onnx.original import read_original
from coffea_fm.untrusted.onnx_graph import check_graph
from coffea_fm.untrusted.refused import Refused

LOCATIONS = {
    "CVE-2022-25882": "../../../../../etc/passwd",
    "CVE-2024-27318, a prefix that looks right": "../bundle-secrets/key",
    "absolute": "/etc/passwd",
    "in the folder itself": "weights.bin",
    "empty": "",
    "a device": "/dev/zero",
    "a drive": "C:\\secrets",
    "backslashes": "..\\..\\secrets",
    "this process": "/proc/self/environ",
}


def hidden_in(place: str, tensor: TensorProto):
    """Put a tensor where a check of the initialisers alone does not look."""

    def change(model):
        graph = model.graph
        constant = helper.make_node("Constant", [], ["hidden"], value=tensor)
        inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("hidden", 1, None)])
        if place == "initializer":
            graph.initializer.append(tensor)
        elif place == "attribute":
            graph.node.insert(0, constant)
        elif place == "list of tensors":
            node = graph.node.add(op_type="Constant", output=["hidden"])
            node.attribute.add(name="value", tensors=[tensor])
        elif place in ("subgraph", "subgraph's initializer"):
            if "init" in place:
                inner.initializer.append(tensor)
            graph.node.insert(0, helper.make_node("If", ["yes"], ["h"], then_branch=inner, else_branch=inner))
        elif place == "function":
            model.functions.append(helper.make_function("own", "f", [], ["hidden"], [constant], []))
        elif place in ("sparse values", "sparse indices"):
            sparse = graph.sparse_initializer.add(dims=[3])
            (sparse.values if "values" in place else sparse.indices).CopyFrom(tensor)
        elif place == "sparse attribute":
            node = graph.node.add(op_type="Constant", output=["hidden"])
            node.attribute.add(name="sparse_value").sparse_tensor.values.CopyFrom(tensor)
        elif place == "training":
            model.training_info.add().initialization.initializer.append(tensor)

    return change


PLACES = ["initializer", "attribute", "list of tensors", "subgraph", "subgraph's initializer", "function"]
PLACES += ["sparse values", "sparse indices", "sparse attribute", "training"]


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS.keys())
def test_weights_of_a_bundle_are_never_in_another_file(bundle_with, location):
    with pytest.raises(BundleError, match=r"head\.onnx .* is refused: its tensor 'weights' is kept in another file"):
        coffea_fm.load(bundle_with(lambda model: external(model.graph.initializer[0], location)))


@pytest.mark.parametrize("place", PLACES)
def test_wherever_the_tensor_is(bundle_with, place):
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "hidden")
    external(tensor, "/etc/passwd")
    with pytest.raises(BundleError, match=r"is refused"):
        coffea_fm.load(bundle_with(hidden_in(place, tensor)))


def test_a_location_without_the_flag_counts_as_well(bundle_with):
    def change(model):
        external(model.graph.initializer[0], "/etc/passwd")
        model.graph.initializer[0].data_location = TensorProto.DEFAULT

    with pytest.raises(BundleError, match=r"another file"):
        coffea_fm.load(bundle_with(change))


@pytest.fixture
def model(tmp_path):
    """A model to import, and what it must not reach: a secret beside its folder."""
    (tmp_path / "model").mkdir()
    (tmp_path / "secret").write_bytes(b"\x01" * 4096)
    return small_onnx.write_model(tmp_path / "model", [("near", 2, 1, 4)])


def with_location(path: Path, location: str, **more: object) -> Path:
    model = load(path)
    external(next(tensor for tensor in model.graph.initializer if tensor.name == "weight"), location, **more)
    save(model, path)
    return path


@pytest.mark.parametrize(
    "location", ["../secret", "../../../etc/passwd", "/etc/passwd", "a/../../secret", "..\\secret", ""]
)
def test_an_imported_model_reads_nothing_outside_its_folder(model, location):
    with pytest.raises(InputError, match=r"outside its own folder|refused"):
        read_original(with_location(model, location))


@pytest.mark.parametrize("link", ["symbolic", "hard", "of the folder", "a pipe"])
def test_links_are_not_followed(model, tmp_path, link):
    location = "weights.bin"
    if link == "symbolic":
        (model.parent / location).symlink_to(tmp_path / "secret")
    elif link == "hard":
        os.link(tmp_path / "secret", model.parent / location)
    elif link == "of the folder":
        location = "linked/secret"
        (model.parent / "linked").symlink_to(tmp_path)
    else:
        os.mkfifo(model.parent / location)
    with pytest.raises(InputError, match=r"is a link|is a hard link|not a regular file"):
        read_original(with_location(model, location))


@pytest.mark.parametrize("where", [{"offset": -8}, {"offset": 10**9}, {"offset": 4090}, {"offset": "x"}, {"length": 1}])
def test_places_beyond_the_end_are_refused(model, where):
    (model.parent / "weights.bin").write_bytes(b"\0" * 4096)
    with pytest.raises(InputError, match=r"beyond the end|does not say where"):
        read_original(with_location(model, "weights.bin", **where))


def test_a_stated_length_beyond_the_end_allocates_nothing(model):
    (model.parent / "weights.bin").write_bytes(b"\0" * 4096)
    read_original(with_location(model, "weights.bin", length=2**62))  # what the weight needs is there, and is read


def test_weights_in_the_folder_are_read_and_become_part_of_the_model(model):
    weight = next(tensor for tensor in load(model).graph.initializer if tensor.name == "weight")
    values = numpy_helper.to_array(weight)
    (model.parent / "weights.bin").write_bytes(b"\0" * 16 + values.tobytes())
    original = read_original(with_location(model, "weights.bin", offset=16))
    read = next(tensor for tensor in original.model.graph.initializer if tensor.name == "weight")
    assert np.array_equal(numpy_helper.to_array(read), values)
    assert "weights.bin" in original.sha256


def test_cve_2025_51480_an_import_writes_nothing_where_the_model_says(model, tmp_path):
    """`save_external_data` of onnx wrote to the location that is named in the file. The model itself can be imported."""
    victim = tmp_path / "model" / "victim.txt"
    victim.write_bytes(b"precious" * 100)
    preprocess = small_onnx.write_preprocess(model.parent, [("near", 2, 1, 4)], {"near": ["a", "b"]})
    mapping = model.parent / "m.yaml"
    mapping.write_text(
        "description: d\ngroups: {g: {tokens: constituents, minimum: 1, variables: {near_mask: '1', a: log(pt), b: eta}}}\n"
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != model}
    imported = tmp_path / "imported"
    coffea_fm.import_model(with_location(model, "victim.txt"), preprocess, output=imported, mapping=mapping)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != model}
    assert {path: content for path, content in after.items() if not path.is_relative_to(imported)} == before
    assert coffea_fm.load(imported).checksum


def node(operator: str, domain: str = "", inputs: tuple[str, ...] = (), **attributes: object):
    return lambda model: model.graph.node.insert(
        0, helper.make_node(operator, inputs, ["x"], domain=domain, **attributes)
    )


def constant(operator: str, numbers: list[int]):
    """An operator that makes much of a few numbers, which onnxruntime computes when it opens the file."""

    def change(model):
        model.graph.initializer.append(numpy_helper.from_array(np.array(numbers), "much"))
        node(operator, inputs=("much",) if operator == "ConstantOfShape" else ("much", "much"))(model)

    return change


def nested(depth: int):
    def change(model):
        inner = helper.make_graph([], "g", [], [])
        for _ in range(depth):
            inner = helper.make_graph([helper.make_node("If", ["y"], ["z"], then_branch=inner)], "g", [], [])
        model.graph.node.extend(inner.node)

    return change


OTHERS = {
    "operators of a library": (node("Evil", "evil.ops"), "libraries of operators are never loaded"),
    "a context of a device in a file": (node("EPContext", "com.microsoft", ep_cache_context="/etc/passwd"), "outside the file"),
    "settings of the session": (lambda m: m.metadata_props.add(key="ort_config", value="{}"), "options of onnxruntime"),
    "much of one number": (constant("ConstantOfShape", [2**20, 2**20]), "would make more than"),
    "much by repetition": (constant("Tile", [2**40]), "would make more than"),
    "graphs in graphs": (nested(20), "nested more than 8 deep"),
    "many operators": (lambda m: m.graph.node.extend([m.graph.node[0]] * 50_001), "more than 50000 operators"),
    "a shape without values": (lambda m: m.graph.initializer[0].dims.append(2**40), "the size of its shape"),
    "a negative shape": (lambda m: m.graph.initializer[0].dims.append(-1), "impossible shape"),
    "a sparse tensor of any size": (lambda m: m.graph.sparse_initializer.add(dims=[2**40]), "sparse tensor stands for"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_other_attacks(bundle_with, change, words):
    with pytest.raises(BundleError, match=words):
        coffea_fm.load(bundle_with(change))


@pytest.mark.parametrize("data", [b"", b"\0" * 8, b"ORTM" * 4, b"\x3a\xff\xff\xff\xff\x0f", b"\x0b", b"\xff" * 20])
def test_what_is_no_onnx_file(data):
    if data == b"":
        assert check_graph(data) == []  # an empty message: onnxruntime says that there is no graph
        return
    with pytest.raises(Refused, match=r"not an ONNX file"):
        check_graph(data)
