"""The fixtures of the inference tests, in the environment that dask-awkward needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "inference_fixtures", Path(__file__).parents[1] / "inference" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

bundle, jetclass_file = _module.bundle, _module.jetclass_file
