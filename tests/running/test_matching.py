from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from coffea_fm.cli import main
from coffea_fm.errors import InputError
from coffea_fm.running.matching import models_for
from coffea_fm.running.opening import open_events
from coffea_fm.shipped import shipped

FORMATS = {
    "nano_tt_v12.root": ("NanoAODSchema", "Events"),
    "nano_tt_v15.root": ("NanoAODSchema", "Events"),
    "pfnano.root": ("PFNanoAODSchema", "Events"),
    "events_delphes_example.root": ("DelphesSchema", "Delphes"),
    "PHYSLITE_example.root": ("PHYSLITESchema", "CollectionTree"),
    "test_FCC_Winter2023.root": ("FCCSchema", "events"),
    "p8_ee_WW_ecm240_edm4hep.root": ("FCCSchemaEDM4hep1", "events"),
    "JetClassII_example.parquet": ("JetClassSchema", ""),
}


@pytest.mark.parametrize("name", FORMATS)
def test_schema_and_tree_are_found_out_from_the_file(shared_data, name):
    events, opening = open_events(shared_data / "real" / name, stop=2)
    assert (opening.schema, opening.treename, len(events)) == (*FORMATS[name], 2)


def test_files_without_impact_parameters_fit_the_kinematic_bundle_only(shared_data):
    (collection,) = models_for(shared_data / "real" / "nano_tt_v15.root").collections
    assert (collection.name, collection.n_jets) == ("FatJet", 64)
    fits = {fit.bundle: fit for fit in collection.fits}
    assert [name for name, fit in fits.items() if fit.fits] == ["jet-classifier-kinematic"]
    assert (fits["jet-classifier-kinematic"].n_jets, fits["jet-classifier-kinematic"].n_inside) == (62, 32)
    lost = tuple(f"constituents.{name}" for name in ("d0", "d0_error", "dz", "dz_error"))
    assert fits["jet-classifier-small"].missing == lost


def test_models_for_a_file_says_what_fits_and_why_not(shared_data):
    result = CliRunner().invoke(main, ["models", "--for", str(shared_data / "real" / "nano_tt_v15.root")])
    assert result.exit_code == 0
    assert (
        "  jet-classifier-kinematic can read these jets: 32 of 64 jets are in its training range, pt_raw 200 to 1500"
        in result.stdout
    )
    assert "jet-classifier-small does not fit: it reads constituents.d0, d0_error, dz, dz_error," in result.stdout
    assert "no constituents are stored for" in result.stdout
    assert result.stderr == ""


def test_shipped_samples_are_in_the_range_of_their_bundle():
    sample = min(shipped("samples").glob("*.root"))
    result = CliRunner().invoke(main, ["models", "--for", str(sample), "--events", "50", "--json"])
    (collection,) = json.loads(result.stdout)["collections"]
    fits = {fit["bundle"]: fit for fit in collection["fits"]}
    assert fits["jet-classifier-small"]["missing"] == []
    assert fits["jet-classifier-small"]["n_inside"] > 0.9 * fits["jet-classifier-small"]["n_jets"] > 0


def test_a_file_of_no_known_format_is_one_sentence(tmp_path):
    import uproot

    with uproot.recreate(tmp_path / "other.root") as file:
        file["numbers"] = {"x": [1.0]}
    with pytest.raises(InputError, match="no tree of a known format: it has numbers; give --treename"):
        models_for(tmp_path / "other.root")
    with pytest.raises(InputError, match="of no format that coffea-fm knows: give --schema"):
        models_for(f"{tmp_path / 'other.root'}:numbers")


def test_a_folder_of_several_files_is_refused_with_one_of_them(shared_data):
    with pytest.raises(InputError, match=r"stands for \d+ files: give one of them, such as .*\.root"):
        models_for(shared_data / "jets")
