"""Files of simulated jets in the layout of JetClass."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from coffea_fm.classes import JET_CLASSES
from coffea_fm.kinematics import wrap
from coffea_fm.simulation.pairing import PAIRING
from coffea_fm.simulation.quantise import quantise

_IMPACT = {"d0val": "d0", "d0err": "d0_error", "dzval": "dz", "dzerr": "dz_error"}
_SPECIES = {
    "isChargedHadron": 211,
    "isNeutralHadron": 130,
    "isPhoton": 22,
    "isElectron": 11,
    "isMuon": 13,
}


def write_jetclass(path: Path, jets: ak.Array) -> None:
    """Write jets in the layout of JetClass: jagged ``part_*`` (GeV, mm) beside ``jet_*`` and ``label_*``.

    Parameters
    ----------
    path : Path
        The ROOT file to write.
    jets : awkward.Array
        Jets of `coffea_fm.simulation.sample.simulate`.
    """
    counts = ak.to_numpy(ak.num(jets.constituents))
    part = ak.flatten(jets.constituents)
    pt, eta, phi, mass = (ak.to_numpy(part[name]) for name in ("pt", "eta", "phi", "mass"))
    jet_eta, jet_phi = (np.repeat(ak.to_numpy(jets[name]), counts) for name in ("eta", "phi"))
    pz, species = pt * np.sinh(eta), np.abs(ak.to_numpy(part.pdg_id))
    columns = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pz,
        "energy": np.sqrt(pt**2 + pz**2 + mass**2),
        "deta": (eta - jet_eta) * np.where(jet_eta < 0, -1, 1),
        "dphi": wrap(phi - jet_phi),
        **{name: np.nan_to_num(ak.to_numpy(part[field])) for name, field in _IMPACT.items()},
        "charge": ak.to_numpy(part.charge),
        **{name: species == number for name, number in _SPECIES.items()},
    }
    scalars = {
        "pt": ak.to_numpy(jets.pt),
        "eta": ak.to_numpy(jets.eta),
        "phi": ak.to_numpy(jets.phi),
        "energy": np.sqrt(ak.to_numpy(jets.mass) ** 2 + (ak.to_numpy(jets.pt) * np.cosh(ak.to_numpy(jets.eta))) ** 2),
        "nparticles": counts,
        "sdmass": ak.to_numpy(jets.msoftdrop),
    }
    label = ak.to_numpy(jets.label)
    tree = {
        "part": ak.unflatten(ak.zip({name: quantise(values) for name, values in columns.items()}), counts),
        **{f"label_{name}": label == index for index, name in enumerate(JET_CLASSES)},
        **{f"jet_{name}": quantise(values) for name, values in scalars.items()},
        **{f"jet_{name}": ak.to_numpy(jets[name]) for name in PAIRING if name in jets.fields},
    }
    with uproot.recreate(path, compression=uproot.LZMA(1)) as file:
        file.mktree("tree", tree)
