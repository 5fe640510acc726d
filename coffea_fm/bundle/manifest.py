"""The description of a model: all that inference must know besides the graphs themselves."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from coffea_fm.config import Config
from coffea_fm.errors import BundleError
from coffea_fm.tokens import Level, array_names

SCHEMA_VERSION: Final = 3

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


class Output(_Part):
    """One named result for each thing of a level.

    Parameters
    ----------
    name : str
        Name of a graph output: a float32 array of shape ``[things, dim]``; of members of the graph's things
        ``[things, slots, dim]``, of pairs of these ``[things, slots, slots]``.
    dim : int
        Width of the result.
    classes : tuple of str
        Names of the columns, in order; empty for a plain vector such as the embedding.
    level : str
        Name of the level that has one result each.
    pairs : bool
        Whether each pair of things of one parent has a result.
    """

    name: str
    dim: int = Field(gt=0)
    classes: tuple[str, ...] = ()
    level: str = "jet"
    pairs: bool = False

    @model_validator(mode="after")
    def _one_name_per_column(self) -> Output:
        if self.classes and len(set(self.classes)) != self.dim:
            raise ValueError(f"output {self.name!r} has {self.dim} columns and {len(set(self.classes))} class names")
        return self


class Graph(_Part):
    """One ONNX file, and the level that it runs at.

    Parameters
    ----------
    name : str
        Name of the graph.
    file : str
        File name inside the bundle.
    level : str
        Name of the level whose things it takes, with their members.
    inputs, outputs : tuple of str
        Names of the ONNX inputs and outputs. An input is an array that `coffea_fm.tokens.pad` gives of that level, an
        output of an earlier graph at that level, or one of its members under ``MEMBER_OUTPUT``.
    sha256 : str
        Checksum of the file; `save_bundle` fills it in.
    """

    name: str
    file: FileName
    level: str = "jet"
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


class Conventions(_Part):
    """What graphs and tagger make of values that are not there."""

    missing_token_value: Literal["zero and flag"] = "zero and flag"
    too_few_members: Literal["NaN"] = "NaN"
    not_finite_input: Literal["NaN"] = "NaN"


class Manifest(_Part):
    """``manifest.json`` of a bundle.

    Parameters
    ----------
    name : str
        Name of the model.
    level : Level
        What the model reads: the top of the tree is what a tagger takes, jets or events.
    outputs : tuple of Output
        What the tagger can return.
    graphs : tuple of Graph
        The chain, in order of execution.
    provenance, check, conventions
        What is known of the model; see the classes.
    checksum : str
        Names the model: content hash of everything above, graphs included through their sha256; `save_bundle` fills
        it in. What is measured of the model stands apart, in `Calibration`, and does not change it.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    name: FileName
    level: Level
    outputs: tuple[Output, ...] = Field(min_length=1)
    graphs: tuple[Graph, ...] = Field(min_length=1)
    provenance: Provenance = Provenance()
    check: NumericalCheck | None = None
    conventions: Conventions = Conventions()
    checksum: str = ""

    @model_validator(mode="after")
    def _levels_are_known(self) -> Manifest:
        names = [level.name for level in self.level.walk()]
        parts: tuple[Graph | Output, ...] = (*self.graphs, *self.outputs)
        for part in parts:
            if part.level not in names:
                raise ValueError(f"{part.name!r} is of the level {part.level!r}, which is none of {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _chain_is_closed(self) -> Manifest:
        given: dict[str, set[str]] = {level.name: set() for level in self.level.walk()}
        for graph in self.graphs:
            level = self.level.find(graph.level)
            known = {*array_names(level), *given[graph.level]}
            known |= {f"{member.name}_{name}" for member in level.members for name in given[member.name]}
            unknown = [name for name in graph.inputs if name not in known]
            if unknown:
                raise ValueError(f"graph {graph.name!r} reads {unknown[0]!r}, which nothing before it gives")
            given[graph.level].update(graph.outputs)
        for output in self.outputs:
            found = [self.level.find(name) for name, outputs in given.items() if output.name in outputs]
            if not found:
                raise ValueError(f"no graph gives the output {output.name!r}")
            fitting = {name for level in found for name in (level.name, *(member.name for member in level.members))}
            if output.level not in fitting:
                raise ValueError(
                    f"the output {output.name!r} is of the level {output.level!r}, and its graph runs at the level "
                    f"{found[0].name!r}"
                )
        return self

    def content_hash(self) -> str:
        """SHA-256 of the manifest's canonical JSON without its own ``checksum``."""
        return canonical_hash(self.model_dump(mode="json", exclude={"checksum"}))

    def _repr_html_(self) -> str:
        from coffea_fm.bundle.show import bundle_html

        return bundle_html(self)

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


def canonical_hash(content: Any) -> str:
    """SHA-256 of the canonical JSON of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
