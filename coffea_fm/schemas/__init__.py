"""One file a format: NanoEvents schemas that give jets their constituents as a field.

Importing this package registers the steps that compute them with coffea, which every process that opens files needs;
a schema passed to ``Runner`` brings the import along.
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
