"""NanoEvents schemas that add constituents to jets as a field, one file per format.

Importing this package registers the steps that compute them with coffea. Every process that opens files needs this
import; a schema passed to ``Runner`` triggers it.
"""

from __future__ import annotations

from coffea_fm.schemas.cms import NanoAODSchema, PFNanoAODSchema
from coffea_fm.schemas.delphes import DelphesSchema
from coffea_fm.schemas.fcc import FCC, FCCSchema, FCCSchemaEDM4hep1
from coffea_fm.schemas.jetclass import JetClassSchema
from coffea_fm.schemas.physlite import PHYSLITESchema
from coffea_fm.schemas.skim import write_skim

__all__ = [
    "FCC",
    "DelphesSchema",
    "FCCSchema",
    "FCCSchemaEDM4hep1",
    "JetClassSchema",
    "NanoAODSchema",
    "PFNanoAODSchema",
    "PHYSLITESchema",
    "write_skim",
]
