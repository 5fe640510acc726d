"""A bundle in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from coffea_fm.bundle.calibration import Calibration
from coffea_fm.bundle.manifest import Manifest, canonical_hash


@dataclass(frozen=True)
class Bundle:
    """A loaded and verified bundle.

    Parameters
    ----------
    manifest : Manifest
        Describes the model.
    graphs : dict of str to bytes
        The ONNX files by graph name.
    source : str
        Absolute path or URL that was requested.
    calibration : Calibration
        Measurements of the model.
    variant_graphs : dict of str to bytes
        The ONNX files of the variants, by file name.
    """

    manifest: Manifest
    graphs: dict[str, bytes]
    source: str
    calibration: Calibration
    variant_graphs: dict[str, bytes] = field(default_factory=dict)

    @property
    def checksum(self) -> str:
        """Checksum of the model: manifest and graphs."""
        return self.manifest.checksum

    @property
    def bundle_checksum(self) -> str:
        """Checksum of the model and its measurements."""
        return canonical_hash([self.checksum, self.calibration.checksum])

    def graph_bytes(self, name: str) -> bytes:
        """The ONNX file of one graph."""
        return self.graphs[name]
