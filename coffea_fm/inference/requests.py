"""What is asked of a tagger, against what its bundle gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak

from coffea_fm.bundle.manifest import Manifest
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.arrays import is_dask


def named_outputs(outputs: str | Sequence[str], manifest: Manifest) -> tuple[str, ...]:
    """Names of outputs.

    Raises
    ------
    InputError
        If there is none, or jets stand in their place.
    """
    if isinstance(outputs, ak.Array) or is_dask(outputs):
        name = manifest.collection.name if manifest.collection else "FatJet"
        raise InputError(f"jets of events are given by the name of their collection: tagger(events, {name}=jets)")
    if not outputs:
        raise InputError("no output is asked for: name at least one")
    return (outputs,) if isinstance(outputs, str) else tuple(outputs)


def check_request(manifest: Manifest, names: Sequence[str], collections: Mapping[str, Any]) -> None:
    """Refuse outputs, or collections of jets, that the bundle does not have.

    Raises
    ------
    InputError
        If the arrays are not those of the model.
    BundleError
        If the bundle lacks an output, or it is none that a tagger gives.
    """
    bundle, read = f"the bundle {manifest.name!r}", manifest.collection
    if collections and (read is None or list(collections) != [read.name]):
        right = "tagger(jets), for its model is one of jets" if read is None else f"tagger(events, {read.name}=jets)"
        raise InputError(f"{bundle} was given {', '.join(collections)}: call {right}")
    for output in map(manifest.output, names):
        if read and (output.level == "event") != bool(collections):
            right = f"events, {read.name}=jets" if output.level == "event" else f"jets, {output.name!r}"
            raise InputError(f"{output.name} of {bundle} are those of {output.level}s: call tagger({right})")
        if output.level == "pair":
            raise BundleError(
                f"{output.name} of {bundle} are for pairs of tokens, which a tagger does not give: run the graphs with "
                "onnxruntime as the manifest chains them"
            )
