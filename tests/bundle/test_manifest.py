from __future__ import annotations

import pytest
from pydantic import ValidationError

from coffea_fm.bundle import Graph, Manifest, Output, graph_inputs
from coffea_fm.tokens.spec import InputSpec, token_group


def test_json_gives_the_same_manifest_back(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_graph_inputs_follow_the_specification(manifest: Manifest) -> None:
    assert graph_inputs(manifest.inputs) == ("constituents", "constituents_mask", "constituents_missing", "jet")
    kinematic = InputSpec((token_group("constituents", ("pt", "eta", "phi")),))
    assert graph_inputs(kinematic) == ("constituents", "constituents_mask")


def test_content_hash_follows_every_part_but_itself(manifest: Manifest) -> None:
    content = manifest.content_hash()
    assert manifest.model_copy(update={"checksum": "x"}).content_hash() == content
    changed = Graph(name="head", file="head.onnx", inputs=("embedding",), outputs=("scores",), sha256="1")
    assert manifest.model_copy(update={"graphs": (manifest.graphs[0], changed)}).content_hash() != content
    assert manifest.model_copy(update={"name": "other"}).content_hash() != content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": InputSpec((token_group("constituents", ("pt",)),))}, "reads 'constituents_missing'"),
        ({"outputs": (Output(name="mass", dim=1),)}, "no graph gives the output 'mass'"),
        ({"graphs": [{"name": "g", "file": "../g.onnx", "inputs": [], "outputs": ["scores"]}]}, "graphs.0.file"),
        ({"calibraton": None}, "calibraton"),
    ],
)
def test_a_manifest_that_does_not_fit_together_is_refused(
    manifest: Manifest, change: dict[str, object], message: str
) -> None:
    content = {name: getattr(manifest, name) for name in Manifest.model_fields} | change
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(content)


def test_classes_are_as_many_as_columns() -> None:
    with pytest.raises(ValidationError, match="3 columns and 2 class names"):
        Output(name="scores", dim=3, classes=("QCD", "Hbb"))
