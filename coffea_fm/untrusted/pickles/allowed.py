"""What a pickle of an output may name: arrays, histograms, containers, and accumulators of coffea."""

from __future__ import annotations

import collections
import functools
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from coffea_fm.untrusted.pickles import arrays
from coffea_fm.untrusted.pickles.functions import CLOUDPICKLE, FunctionLeftOut, make_nothing
from coffea_fm.untrusted.refused import Refused

_BUILTINS: Final = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, slice, range)
_HISTOGRAM_PACKAGES: Final = ("hist", "boost_histogram")
_ACCUMULATORS: Final = frozenset(
    f"{kind}_accumulator" for kind in ("defaultdict", "dict", "list", "set", "value", "column")
)
_OWN: Final = {
    "coffea_fm.running.merging": frozenset({"NotAdded"}),  # not Merging, whose state is a pickle itself
    "coffea_fm.untrusted.pickles.functions": frozenset({"FunctionLeftOut"}),
}


def _awkward(name: str) -> Callable[..., Any]:
    make = getattr(import_module("awkward._pickle"), name)

    def checked(*parts: Any) -> Any:
        return arrays.check_awkward(make(*parts))

    return checked


_NUMPY: Final[dict[str, Any]] = {
    "ndarray": arrays.NDARRAY,
    "dtype": arrays.make_dtype,
    "_reconstruct": arrays.make_array,
    "scalar": arrays.make_scalar,
    "_frombuffer": arrays.make_from_buffer,
}
_NUMPY_MODULES: Final = frozenset(
    {"numpy", *(f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric"))}
)
CONVERSION: Final = ("boost_histogram.axis.transform", "_internal_conversion")
"""What axes in the logarithm name, for boost-histogram itself to call, but nobody else."""
_EXACT: Final[dict[tuple[str, str], Any]] = {
    **{("builtins", kind.__name__): kind for kind in _BUILTINS},
    **{
        ("collections", kind.__name__): kind
        for kind in (collections.OrderedDict, collections.defaultdict, collections.Counter, collections.deque)
    },
    ("functools", "partial"): functools.partial,
}
_AWKWARD: Final = re.compile(r"unpickle_(array|record)_schema_[12]")


def allowed(module: str, name: str) -> Any:
    """What a pickle means by a name.

    Raises
    ------
    Refused
        If it is not on the list: whatever it is, it is not even imported.
    """
    if (module, name) in _EXACT:
        return _EXACT[module, name]
    if (module, name) == CONVERSION:
        return getattr(import_module(module), name)
    if module in _NUMPY_MODULES and name in _NUMPY:
        return _NUMPY[name]
    if module == "awkward._pickle" and _AWKWARD.fullmatch(name):
        return _awkward(name)
    if module == "coffea.processor.accumulator" and name in _ACCUMULATORS:
        return getattr(import_module(module), name)
    if module in ("cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast") and name in CLOUDPICKLE:
        return make_nothing
    if name in _OWN.get(module, ()):
        return FunctionLeftOut if name == "FunctionLeftOut" else getattr(import_module(module), name)
    if (root := module.partition(".")[0]) in _HISTOGRAM_PACKAGES and name.isidentifier():
        return _histogram_class(root, module, name)
    raise Refused(f"it names {module}.{name}, which is not read from files: only arrays, histograms and containers are")


def _histogram_class(root: str, module: str, name: str) -> type:
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Refused(f"it names {module}.{name}, which does not exist here") from error
    if not isinstance(found, type) or found.__module__.partition(".")[0] != root:
        raise Refused(f"it names {module}.{name}, which is not a class of {root}")
    return found
