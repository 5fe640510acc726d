"""Check that a bundle provides what is requested from its tagger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak

from coffea_fm.bundle.manifest import Manifest
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.arrays import is_dask
from coffea_fm.inference.chain import Chain
from coffea_fm.names import close_name
from coffea_fm.tokens.pack import gather

EVENT = "event"
"""Keyword for the numbers of the events, which choose the fold of an ensemble."""


def named_outputs(outputs: str | Sequence[str] | None, manifest: Manifest) -> tuple[str, ...]:
    """Names of the requested outputs; by default the first output of the bundle.

    Raises
    ------
    InputError
        If the list is empty, or jets were passed as `outputs`.
    """
    if outputs is None:
        return (manifest.first_output,)
    if isinstance(outputs, ak.Array) or is_dask(outputs):
        name = _member(manifest) or "FatJet"
        raise InputError(f"pass the jets of events by the name of their collection: tagger(events, {name}=jets)")
    if not outputs:
        raise InputError("no output was requested: name at least one")
    return (outputs,) if isinstance(outputs, str) else tuple(outputs)


def check_request(chain: Chain, names: Sequence[str], collections: Mapping[str, Any]) -> None:
    """Check that the bundle has the outputs and takes the collections of jets.

    Raises
    ------
    InputError
        If the arrays are not those that the model takes.
    BundleError
        If the bundle has no such output, or a tagger cannot return it.
    """
    manifest = chain.manifest
    bundle, member = f"the bundle {manifest.name!r}", _member(manifest)
    if collections and list(collections) != [member]:
        raise InputError(f"{bundle} was given {_unknown(collections, member)}: call {_right(manifest, member)}")
    for output in map(manifest.output, names):
        if output.pairs:
            raise BundleError(
                f"{bundle} gives {output.name} per pair of {output.level}, which a tagger cannot return: run the "
                "graphs with onnxruntime in the order of the manifest"
            )
        top = chain.level_of(output.name)
        if member and (top == manifest.level.name) != bool(collections):
            right = f"events, {member}=jets" if top == manifest.level.name else f"jets, {output.name!r}"
            raise InputError(f"{bundle} gives {output.name} per {top}: call tagger({right})")


def things_of(jets: ak.Array, collections: Mapping[str, ak.Array]) -> ak.Array:
    """What is tagged: the jets, or events with the collections as fields.

    Raises
    ------
    InputError
        If there is not one list of jets for each event.
    """
    for given in collections.values():
        if given.ndim != 2 or not given.fields:
            raise InputError(f"expected one list of jets for each event, found {given.type}")
        if ak.backend(given) != "typetracer" and len(jets) != len(given):
            raise InputError(
                f"there are {len(given)} lists of jets for {len(jets)} events: select both in the same way"
            )
    return gather(collections) if collections else jets


def _member(manifest: Manifest) -> str:
    """The collection that a model of events takes; empty for a model of jets."""
    things = manifest.level.collections
    return things[0].name if things else ""


def _right(manifest: Manifest, member: str) -> str:
    if member:
        return f"tagger(events, {member}=jets)"
    return f"tagger(jets), because its model takes {manifest.level.name}s"


def _unknown(collections: Mapping[str, Any], member: str) -> str:
    """The unknown keywords. A keyword close to a parameter name comes with a suggestion."""
    words = [name for name in collections if name != member]
    near = [f"{word} (did you mean outputs?)" if close_name(word, ["outputs"]) else word for word in words]
    return ", ".join(near)
