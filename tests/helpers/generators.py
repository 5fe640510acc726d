"""Small networks of methods that generate jets."""

from __future__ import annotations

ENCODER = {"kind": "set-transformer", "dim": 8, "layers": 1, "heads": 2, "registers": 1}
CODES = {"kind": "code-transformer", "dim": 16, "layers": 2, "heads": 2, "encoder": ENCODER, "codes": 16, "latent": 2}
SET = {"kind": "set-transformer", "dim": 16, "layers": 2, "heads": 2, "embedding": "mean"}
KMEANS = {"codes": 8, "fields": ["pt", "eta", "phi", "d0", "d0_error", "dz", "dz_error"]}
