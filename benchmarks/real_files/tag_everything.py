"""Run the kinematic tagger on every collection with constituents of the real sample files.

Run with ``make benchmark-real-files``; writes ``results.md`` beside this file. On CMS jets the rank correlation of the
tagger's QCD score with scores stored in the files is given; nothing more is claimed.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoEventsFactory
from scipy.stats import spearmanr

import coffea_fm
from coffea_fm.errors import CoffeaFMError
from coffea_fm.schemas import (
    FCC,
    DelphesSchema,
    JetClassSchema,
    NanoAODSchema,
    PFNanoAODSchema,
    PHYSLITESchema,
)

ROOT = Path(__file__).parents[2]
NO_MAPS = {"filter_name": "/^(?!.*(PARAMETERS|_.*Map))/"}
FILES: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
    ("pfnano.root", "Events", PFNanoAODSchema, {}),
    ("pfnano_rntuple.root", "Events", PFNanoAODSchema, {}),
    ("nano_tt_v15.root", "Events", NanoAODSchema, {}),
    ("delphes.root", "Delphes", DelphesSchema, {}),
    ("events_delphes_example.root", "Delphes", DelphesSchema, {}),
    ("PHYSLITE_example.root", "CollectionTree", PHYSLITESchema, {}),
    ("test_FCC_Winter2023.root", "events", FCC.get_schema("pre-edm4hep1"), {"iteritems_options": NO_MAPS}),
    ("p8_ee_WW_ecm240_edm4hep.root", "events", FCC.get_schema("edm4hep1"), {"iteritems_options": NO_MAPS}),
    ("JetClassII_example.parquet", "", JetClassSchema, {}),
)
STORED_SCORES = ("particleNet_QCD", "particleNetMD_QCD", "particleNetWithMass_QCD", "deepTag_QCD")


def open_file(path: Path, tree: str, schema: Any, options: dict[str, Any]) -> ak.Array:
    """Events of a file, virtual."""
    if path.suffix == ".parquet":
        return NanoEventsFactory.from_parquet(str(path), schemaclass=schema).events()
    return NanoEventsFactory.from_root({str(path): tree}, schemaclass=schema, **options).events()


def collections(events: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    """Collections of jets whose file links constituents; references may still not resolve."""
    form = events.layout.form
    for name in events.fields:
        if "constituents" in form.content(name).fields:
            yield name, events[name]


def row(tagger: Any, file: str, name: str, jets: ak.Array) -> str:
    """Tag one collection and describe the result."""
    try:
        scores = tagger(jets)
    except CoffeaFMError as error:
        return f"| {file} | {name} | refused: {str(error).partition(': ')[2][:90]}… | | | |"
    counts = coffea_fm.report(scores).counts
    flat = ak.to_numpy(ak.flatten(scores.QCD, axis=None))
    ranks = []
    for stored in STORED_SCORES:
        if stored in jets.fields:
            values = ak.to_numpy(ak.flatten(jets[stored], axis=None))
            good = np.isfinite(flat) & (values >= 0)
            ranks.append(f"{stored} {spearmanr(flat[good], values[good]).statistic:+.2f} ({good.sum()} jets)")
    cells = (file, name, counts["jets"], counts["without_tokens"], counts["out_of_range"], "; ".join(ranks))
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=str(ROOT / "exports" / "jet-classifier-kinematic"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "real")
    arguments = parser.parse_args()
    tagger = coffea_fm.load(arguments.bundle)
    lines = [
        "`make benchmark-real-files`: the kinematic tagger on every collection with constituents.",
        "",
        "| file | collection | jets | without constituents | outside the trained range | rank correlation of QCD scores |",
        "|---|---|---:|---:|---:|---|",
    ]
    warnings.simplefilter("ignore")
    for file, tree, schema, options in FILES:
        events = open_file(arguments.data / file, tree, schema, options)
        lines += [row(tagger, file, name, jets) for name, jets in collections(events)]
    table = "\n".join([*lines, ""])
    Path(__file__).with_name("results.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
