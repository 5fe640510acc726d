"""Collections of NanoAOD files that jets and events share, in the names and units of PFNano."""

from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.simulation.quantise import MANTISSA_BITS, quantise

_ERROR_BITS = 8
_VERTEX_DECIMALS = 4  # in cm, so that the instant decays at one vertex share its position
_MM_PER_CM = 10.0
_NO_TRACK = -1.0


def nano_candidates(part: ak.Array) -> ak.Array:
    """``PFCands`` of `coffea_fm.simulation.records.candidate_records`; lengths in cm."""
    impact = {
        "d0": ("d0", MANTISSA_BITS),
        "d0Err": ("d0_error", _ERROR_BITS),
        "dz": ("dz", MANTISSA_BITS),
        "dzErr": ("dz_error", _ERROR_BITS),
    }
    charged = ak.to_numpy(part.charge) != 0
    return ak.zip(
        {
            **{name: quantise(ak.to_numpy(part[name])) for name in ("pt", "eta", "phi", "mass")},
            "charge": ak.to_numpy(part.charge),
            "pdgId": ak.to_numpy(part.pdg_id),
            **{
                name: quantise(np.where(charged, ak.to_numpy(part[field]) / _MM_PER_CM, _NO_TRACK), bits)
                for name, (field, bits) in impact.items()
            },
            "puppiWeight": np.ones(len(part), np.float32),
            "truthOrigin": ak.to_numpy(part.truth_origin),
            "truthHeavyFlavour": ak.to_numpy(part.truth_heavy_flavour),
            **{
                f"truthVertex{axis}": quantise(
                    np.round(ak.to_numpy(part[f"truth_{axis.lower()}"]) / _MM_PER_CM, _VERTEX_DECIMALS)
                )
                for axis in ("X", "Y", "Z")
            },
        }
    )


def nano_partons(hard: ak.Array) -> ak.Array:
    """``GenPart`` of the hard particles of each event, of `coffea_fm.simulation.records.hard_records`."""
    counts = ak.num(hard)
    rows = ak.flatten(hard)
    return ak.unflatten(
        ak.zip(
            {
                **{name: quantise(ak.to_numpy(rows[name])) for name in ("pt", "eta", "phi", "mass")},
                "pdgId": ak.to_numpy(rows.pdg_id).astype(np.int32),
                "status": ak.to_numpy(rows.status).astype(np.int32),
                "genPartIdxMother": ak.to_numpy(rows.mother).astype(np.int32),
            }
        ),
        counts,
    )
