"""All kinds of files that may come from somebody else, with their share of the inputs: what is slow gets fewer."""

from __future__ import annotations

from importlib import import_module

from kinds.kind import Kind

SHARES = {
    "kinds.bundles": {"manifest": 2.0, "calibration": 0.5, "archive": 1.0, "ONNX graph": 2.0},
    "kinds.models": {
        "ONNX file to import": 1.0,
        "ONNX file imported": 0.1,
        "preprocess.json": 1.0,
        "mapping": 0.7,
        "formula": 1.0,
    },
    "kinds.data": {
        "shard": 1.2,
        "fileset": 1.2,
        "output.coffea": 1.2,
        "histograms.zip": 0.6,
        "friend file": 0.3,
        "corrections": 0.5,
        "cutflow.json": 0.3,
    },
    "kinds.networks": {"checkpoint": 1.0, "weights of torch": 0.4, "recipe": 0.7},
}
MODULES = {name: module for module, shares in SHARES.items() for name in shares}


def kind_named(name: str) -> Kind:
    """A kind; only what it needs is imported."""
    return next(kind for kind in import_module(MODULES[name]).KINDS if kind.name == name)
