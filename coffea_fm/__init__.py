"""Foundation models in coffea analyses."""

from __future__ import annotations

import copyreg
import sys
from importlib import import_module

import lazy_loader

# the names are listed in __init__.pyi and imported on first use, so that importing coffea_fm is fast
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# `export` is a function here and a package beside it, for which lazy_loader makes this module one of its own kind;
# processors that import coffea_fm are pickled with their modules, and pickle knows plain ones only
copyreg.pickle(type(sys.modules[__name__]), lambda module: (import_module, (module.__name__,)))
