"""The description of a model: everything that inference needs besides the graphs."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from coffea_fm.bundle.graph import FileName, Graph
from coffea_fm.bundle.variants import Variant
from coffea_fm.config import Config
from coffea_fm.errors import BundleError
from coffea_fm.tokens import Level, array_names
from coffea_fm.tokens.limits import check_level

SCHEMA_VERSION: Final = 3


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


class Output(_Part):
    """A named result for each thing of a level.

    Parameters
    ----------
    name : str
        Name of a graph output: a float32 array of shape ``[things, dim]``; ``[things, slots, dim]`` for members of the
        graph's things; ``[things, slots, slots]`` for pairs of members.
    dim : int
        Width of the result.
    classes : tuple of str
        Names of the columns, in order; empty for a plain vector such as an embedding.
    level : str
        Name of the level whose things have one result each.
    pairs : bool
        Whether the result is per pair of things with the same parent.
    """

    name: str
    dim: int = Field(gt=0, le=100_000)
    classes: tuple[str, ...] = ()
    level: str = "jet"
    pairs: bool = False

    @model_validator(mode="after")
    def _one_name_per_column(self) -> Output:
        if self.classes and len(set(self.classes)) != self.dim:
            raise ValueError(f"output {self.name!r} has {self.dim} columns and {len(set(self.classes))} class names")
        return self


class Provenance(_Part):
    """Where the weights come from."""

    recipe: dict[str, JsonValue] = {}
    data: dict[str, JsonValue] = {}
    seed: int | None = None
    versions: dict[str, str] = {}


class NumericalCheck(_Part):
    """The comparison of onnxruntime with torch over the whole chain, done at export.

    Differences are absolute; for a regression they are in standard deviations of its target.
    """

    maximal_difference: float
    tolerance: float
    cases: int
    versions: dict[str, str] = {}


class Conventions(_Part):
    """How graphs and tagger treat missing values."""

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
        What the model reads. The top of the tree is what a tagger takes: jets or events.
    outputs : tuple of Output
        Outputs that the tagger can return.
    graphs : tuple of Graph
        The graphs, in order of execution.
    provenance, check, conventions
        Metadata about the model; see the classes.
    checksum : str
        Identifies the model: content hash of everything above, including the graphs through their sha256. Filled in by
        `save_bundle`. Measurements are stored separately, in `Calibration`, and do not change it.
    variants : tuple of Variant
        The same model in reduced precision. Each has a checksum of its own; that of the model does not depend on them.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    name: FileName
    level: Level
    outputs: tuple[Output, ...] = Field(min_length=1, max_length=100)
    graphs: tuple[Graph, ...] = Field(min_length=1, max_length=100)
    provenance: Provenance = Provenance()
    check: NumericalCheck | None = None
    conventions: Conventions = Conventions()
    checksum: str = ""
    variants: tuple[Variant, ...] = Field(default=(), exclude_if=lambda variants: not variants)

    @model_validator(mode="after")
    def _levels_are_possible(self) -> Manifest:
        check_level(self.level)
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        for what, names in (
            ("graph", [graph.name for graph in self.graphs]),
            ("file", [graph.file for graph in self.graphs]),
            ("output", [output.name for output in self.outputs]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two parts have the same {what}: {', '.join(names)[:200]}")
        return self

    @model_validator(mode="after")
    def _levels_are_known(self) -> Manifest:
        names = [level.name for level in self.level.walk()]
        parts: tuple[Graph | Output, ...] = (*self.graphs, *self.outputs)
        for part in parts:
            if part.level not in names:
                raise ValueError(f"{part.name!r} has the level {part.level!r}, which is not one of {', '.join(names)}")
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
                raise ValueError(f"graph {graph.name!r} reads {unknown[0]!r}, which no earlier graph provides")
            given[graph.level].update(graph.outputs)
        for output in self.outputs:
            found = [self.level.find(name) for name, outputs in given.items() if output.name in outputs]
            if not found:
                raise ValueError(f"no graph provides the output {output.name!r}")
            fitting = {name for level in found for name in (level.name, *(member.name for member in level.members))}
            if output.level not in fitting:
                raise ValueError(
                    f"the output {output.name!r} has the level {output.level!r}, but its graph runs at the level "
                    f"{found[0].name!r}"
                )
        return self

    def content_hash(self) -> str:
        """SHA-256 of the manifest's canonical JSON without its own ``checksum`` and its variants."""
        return canonical_hash(self.model_dump(mode="json", exclude={"checksum", "variants"}))

    def variant_hash(self, variant: Variant) -> str:
        """What the checksum of a variant must be."""
        return canonical_hash([self.checksum, variant.model_dump(mode="json", exclude={"checksum"})])

    def at_precision(self, precision: str) -> Manifest:
        """The manifest of a variant, with the checksum and the graphs of it.

        Raises
        ------
        BundleError
            If there is no such variant.
        """
        found = {variant.name: variant for variant in self.variants}
        if precision not in found:
            raise BundleError(
                f"the bundle {self.name!r} has no variant of the precision {precision!r}: it has "
                f"{', '.join(found) or 'none'}; make one with 'coffea-fm fast BUNDLE DATA'"
            )
        variant = found[precision]
        replaced = {graph.name: graph for graph in variant.graphs}
        graphs = tuple(replaced.get(graph.name, graph) for graph in self.graphs)
        return self.model_copy(update={"graphs": graphs, "checksum": variant.checksum, "variants": ()})

    def _repr_html_(self) -> str:
        from coffea_fm.bundle.show import bundle_html

        return bundle_html(self)

    @property
    def first_output(self) -> str:
        """The default output: the scores, or the first output if there are no scores."""
        names = [output.name for output in self.outputs]
        return "scores" if "scores" in names else names[0]

    def output(self, name: str) -> Output:
        """Return the output with this name.

        Raises
        ------
        BundleError
            If there is no such output.
        """
        found = {output.name: output for output in self.outputs}
        if name not in found:
            raise BundleError(f"the bundle {self.name!r} has no output {name}: choose from {', '.join(found)}")
        return found[name]


def canonical_hash(content: Any) -> str:
    """SHA-256 of the canonical JSON of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
