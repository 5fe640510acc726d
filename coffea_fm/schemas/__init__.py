"""One file a format: NanoEvents schemas that give jets their constituents as a field.

Importing this package registers the steps that compute them with coffea, which every process that opens files needs;
a schema passed to ``Runner`` brings the import along.
"""

from __future__ import annotations

from coffea_fm.schemas.cms import NanoAODSchema, PFNanoAODSchema

__all__ = ["NanoAODSchema", "PFNanoAODSchema"]
