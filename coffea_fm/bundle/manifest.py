"""The description of a bundle: all that inference must know besides the graphs themselves."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from coffea_fm.errors import BundleError
from coffea_fm.tokens.events import Collection
from coffea_fm.tokens.spec import InputSpec

SCHEMA_VERSIONS: Final = (1, 2)
"""Those that are read: 1 for models of jets, 2 for models of events, which what only knows 1 must refuse."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


def graph_inputs(spec: InputSpec) -> tuple[str, ...]:
    """Names of the padded arrays that the specification offers to a graph; see `coffea_fm.tokens.padding.pad`."""
    names: list[str] = []
    for group in spec.groups:
        names += [group.name, f"{group.name}_mask"]
        if group.missing_names:
            names.append(f"{group.name}_missing")
    return (*names, "jet") if spec.jet else tuple(names)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Output(_Part):
    """One named result for each jet, token, pair of tokens, or event.

    Parameters
    ----------
    name : str
        Name of a graph output: a float32 array of shape ``[sets, dim]``, ``[sets, tokens, dim]`` or
        ``[sets, tokens, tokens]``.
    dim : int
        Width of the result.
    classes : tuple of str
        Names of the columns, in order; empty for a plain vector such as the embedding.
    level : {"jet", "token", "pair", "event"}
        What has one result each; written only where it is not the jet.
    """

    name: str
    dim: int = Field(gt=0)
    classes: tuple[str, ...] = ()
    level: Literal["jet", "token", "pair", "event"] = "jet"

    @model_validator(mode="after")
    def _one_name_per_column(self) -> Output:
        if self.classes and len(set(self.classes)) != self.dim:
            raise ValueError(f"output {self.name!r} has {self.dim} columns and {len(set(self.classes))} class names")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_the_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if (key, value) != ("level", "jet")}


class Graph(_Part):
    """One ONNX file, and how it is joined to the others.

    Parameters
    ----------
    name : str
        Name of the graph.
    file : str
        File name inside the bundle.
    inputs, outputs : tuple of str
        Names of the ONNX inputs and outputs. An input is a raw column array of the specification or an output of an
        earlier graph; or one of `Collection.inputs`, made of the embeddings and the fields of the jets of each event.
    sha256 : str
        Checksum of the file; `save_bundle` fills it in.
    """

    name: str
    file: FileName
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sha256: str = ""


class Provenance(_Part):
    """Where the weights come from."""

    recipe: dict[str, JsonValue] = {}
    data: dict[str, JsonValue] = {}
    seed: int | None = None
    versions: dict[str, str] = {}


class NumericalCheck(_Part):
    """The comparison of onnxruntime with torch over the whole chain, made at export.

    Differences are absolute; those of a regression are in standard deviations of its target.
    """

    maximal_difference: float
    tolerance: float
    cases: int
    versions: dict[str, str] = {}


class Calibration(_Part):
    """How the scores were calibrated; the temperature is already inside the head's graph."""

    temperature: float = 1.0
    expected_calibration_error: float | None = None
    data: str = ""


class WorkingPoint(_Part):
    """A cut on ``sum(signal scores) / sum(signal and background scores)`` and what it gave on a test set."""

    name: str
    signal: tuple[str, ...]
    background: tuple[str, ...]
    cut: float
    signal_efficiency: float
    background_efficiency: float


class Conventions(_Part):
    """What graphs and tagger make of values that are not there."""

    missing_token_value: Literal["zero and flag"] = "zero and flag"
    jet_without_tokens: Literal["NaN"] = "NaN"
    jet_with_non_finite_input: Literal["NaN"] = "NaN"


class Manifest(_Part):
    """``manifest.json`` of a bundle.

    Parameters
    ----------
    name : str
        Name of the model.
    inputs : InputSpec
        Raw columns that the graphs read.
    outputs : tuple of Output
        What the tagger can return.
    graphs : tuple of Graph
        The chain, in order of execution.
    collections : tuple of Collection
        For a model of events its one collection of jets: their order, and how many at least and at most. Events with
        fewer, or with a jet that has no embedding, give NaN.
    provenance, check, calibration, working_points, conventions
        What is known of the model; see the classes.
    checksum : str
        Content hash of everything above, graphs included through their sha256; `save_bundle` fills it in.
    """

    schema_version: Literal[1, 2] = 1
    name: FileName
    inputs: InputSpec
    outputs: tuple[Output, ...] = Field(min_length=1)
    graphs: tuple[Graph, ...] = Field(min_length=1)
    collections: tuple[Collection, ...] = Field(default=(), max_length=1)
    provenance: Provenance = Provenance()
    check: NumericalCheck | None = None
    calibration: Calibration | None = None
    working_points: tuple[WorkingPoint, ...] = ()
    conventions: Conventions = Conventions()
    checksum: str = ""

    @model_serializer(mode="wrap")
    def _leave_out_no_collections(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "collections" or value}

    @model_validator(mode="after")
    def _events_are_version_2(self) -> Manifest:
        if (self.schema_version == 2) != bool(self.collections):
            raise ValueError(
                f"schema_version {self.schema_version} does not fit a model of {'events' if self.collections else 'jets'}"
            )
        return self

    @model_validator(mode="after")
    def _chain_is_closed(self) -> Manifest:
        known = {*graph_inputs(self.inputs), *(name for jets in self.collections for name in jets.inputs)}
        for graph in self.graphs:
            unknown = [name for name in graph.inputs if name not in known]
            if unknown:
                raise ValueError(f"graph {graph.name!r} reads {unknown[0]!r}, which nothing before it gives")
            known.update(graph.outputs)
        lost = [output.name for output in self.outputs if output.name not in known]
        if self.collections and "embedding" not in known:
            lost.append("embedding")
        if lost:
            raise ValueError(f"no graph gives the output {lost[0]!r}")
        return self

    def content_hash(self) -> str:
        """SHA-256 of the manifest's canonical JSON without its own ``checksum``."""
        content: dict[str, Any] = self.model_dump(mode="json", exclude={"checksum"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def collection(self) -> Collection | None:
        """The jets of each event, for a model of events."""
        return self.collections[0] if self.collections else None

    @property
    def first_output(self) -> str:
        """What is meant where no output is named: the scores, or where there are none the first output."""
        names = [output.name for output in self.outputs]
        return "scores" if "scores" in names else names[0]

    def output(self, name: str) -> Output:
        """The output of that name.

        Raises
        ------
        BundleError
            If there is none.
        """
        found = {output.name: output for output in self.outputs}
        if name not in found:
            raise BundleError(f"the bundle {self.name!r} has no output {name}: choose from {', '.join(found)}")
        return found[name]
