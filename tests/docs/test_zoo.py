"""The table of formats in the zoo: each real file is tagged with its row's schema and tree, by the models of its row."""

from __future__ import annotations

import re
from pathlib import Path

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
import coffea_fm.schemas
from coffea_fm.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
ROW = re.compile(r"^\| ([^|]+) \| `(\w+Schema\w*)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = {name: (schema, tree, jets, models) for name, schema, tree, jets, models in ROW.findall(PAGE.read_text())}
FILES = {
    "pfnano.root": ("CMS PFNano, TTree or RNTuple", "FatJet"),
    "nano_tt_v15.root": ("CMS NanoAOD v15", "FatJet"),
    "events_delphes_example.root": ("Delphes", "JetPUPPIAK8"),
    "PHYSLITE_example.root": ("ATLAS PHYSLITE", "Jets"),
    "test_FCC_Winter2023.root": ("FCC, before EDM4hep 1", "Jet"),
    "p8_ee_WW_ecm240_edm4hep.root": ("FCC, EDM4hep 1", "Jet"),
    "JetClassII_example.parquet": ("JetClass, JetClass-II", "Jet"),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning"),  # most jets are outside the trained range
    pytest.mark.filterwarnings("ignore:No matched collection for edm4hep"),
    pytest.mark.filterwarnings("ignore:Skipping "),
]


def test_every_row_with_a_schema_has_a_file() -> None:
    assert set(ROWS) - {"made by `coffea-fm simulate`"} == {row for row, _ in FILES.values()}


@pytest.mark.parametrize("file", FILES)
def test_a_real_file_is_tagged_by_the_models_of_its_row(file: str, shared_data: Path) -> None:
    row, collection = FILES[file]
    schema, tree, jets, models = ROWS[row]
    assert f"`{collection}`" in jets

    path, schemaclass = str(shared_data / "real" / file), getattr(coffea_fm.schemas, schema)
    if path.endswith(".parquet"):
        events = NanoEventsFactory.from_parquet(path, schemaclass=schemaclass).events()
    else:
        readable = {"filter_name": getattr(schemaclass, "readable_branches", None)}
        events = NanoEventsFactory.from_root(
            {path: tree}, schemaclass=schemaclass, iteritems_options=readable, entry_stop=20
        ).events()
    scores = coffea_fm.load("jet-classifier-kinematic")(events[collection])
    assert coffea_fm.report(scores).counts["jets"] > 0
    if models.startswith("all"):
        assert ak.any(coffea_fm.load("jet-classifier-small")(events[collection]).QCD > 0)
    else:
        with pytest.raises(InputError, match="use files that store it, or a model"):
            coffea_fm.load("jet-classifier-small")(events[collection])
