"""Open one file with the schema and the tree that its format needs."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uproot
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.running.failures import explain
from coffea_fm.running.locations import expand
from coffea_fm.running.schemas import find_schema

_PARQUET = (".parquet", ".parq")
_TREES = ("Events", "Delphes", "CollectionTree", "events", "tree")


@dataclass(frozen=True)
class Opening:
    """How a file is opened.

    Parameters
    ----------
    schema : str
        Name of a NanoEvents schema.
    treename : str
        The tree or RNTuple; empty for parquet.
    """

    schema: str
    treename: str


def open_events(file: str | os.PathLike[str], schema: str = "", treename: str = "", stop: int = 1000) -> Any:
    """The first events of a file, and how it was opened.

    Parameters
    ----------
    file : path-like
        ROOT or parquet; ``file.root:tree`` names the tree, too.
    schema, treename : str
        Found out from the names of trees and branches if not given.
    stop : int
        How many events.

    Returns
    -------
    events : awkward.Array
        With a record of each collection.
    opening : Opening
        The schema and the tree.

    Raises
    ------
    InputError
        If the file cannot be read, or no schema is known for it.
    RecipeError
        If there is no such schema.
    """
    found = expand([os.fspath(file)], Path(), "the command line")
    if len(found) != 1:
        raise InputError(f"{os.fspath(file)} stands for {len(found)} files: give one of them, such as {found[0].path}")
    (data,) = found
    try:
        return _open(data.path, schema, treename or data.treename, stop)
    except CoffeaFMError:
        raise
    except Exception as error:
        raise explain(error, data.path, "") from error


def _open(path: str, schema: str, treename: str, stop: int) -> tuple[Any, Opening]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # coffea's, for each branch that it cannot read
        if path.endswith(_PARQUET):
            opening = Opening(schema or "JetClassSchema", "")
            schemaclass = find_schema(opening.schema)
            factory = NanoEventsFactory.from_parquet(path, schemaclass=schemaclass, entry_start=0, entry_stop=stop)
            return factory.events(), opening
        opening = guess(path, schema, treename)
        schemaclass = find_schema(opening.schema)
        factory = NanoEventsFactory.from_root(
            {path: opening.treename},
            schemaclass=schemaclass,
            entry_start=0,
            entry_stop=stop,
            iteritems_options=readable_branches(schemaclass),
        )
        return factory.events(), opening


def readable_branches(schema: Any) -> dict[str, str]:
    """A filter on names of branches, where a format has some that coffea cannot read."""
    pattern = getattr(schema, "readable_branches", None)
    return {"filter_name": pattern} if pattern else {}


def guess(path: str, schema: str = "", treename: str = "") -> Opening:
    """Which schema and tree a ROOT file needs, by the names in it; what is given stays.

    Raises
    ------
    InputError
        If the file holds none of the trees or branches that a schema of coffea-fm reads.
    """
    with uproot.open(path) as file:
        trees = {name for name, kind in file.classnames(recursive=False, cycle=False).items() if _is_tree(kind)}
        tree = treename or next((name for name in _TREES if name in trees), "")
        if tree not in trees:
            raise InputError(
                f"{path} has no tree {treename or 'of a known format'}: it has {', '.join(sorted(trees)) or 'none'}; "
                "give --treename and --schema"
            )
        branches = set() if schema else set(map(str, file[tree].keys(recursive=False)))
    found = schema or _schema(tree, branches)
    if not found:
        raise InputError(f"the branches of {path} are of no format that coffea-fm knows: give --schema")
    return Opening(found, tree)


def _schema(tree: str, branches: set[str]) -> str:
    if tree == "Delphes":
        return "DelphesSchema"
    if tree == "CollectionTree":
        return "PHYSLITESchema"
    if "ReconstructedParticles" in branches:
        return "FCCSchema" if any("#" in name for name in branches) else "FCCSchemaEDM4hep1"
    if "part_px" in branches:
        return "JetClassSchema"
    if any(name.startswith(("JetPFCands", "FatJetPFCands", "PFCands_")) for name in branches):
        return "PFNanoAODSchema"
    if any(name.startswith(("nJet", "nFatJet", "Jet_", "FatJet_")) for name in branches):
        return "NanoAODSchema"
    return ""


def _is_tree(kind: str) -> bool:
    return kind in ("TTree", "ROOT::RNTuple")
