"""Display names of classes and processes."""

from __future__ import annotations

import re

_PARENT = re.compile(r"^(?P<parent>[HZWT])(?P<products>4q|qql|bqq|bl|bb|cc|gg|qq)(?:_(?P<detail>.+))?$")
_LEPTON, _NEUTRINO = "\N{SCRIPT SMALL L}", "\N{GREEK SMALL LETTER NU}"
_PRODUCTS = {"qql": f"qq{_LEPTON}{_NEUTRINO}", "bl": f"b{_LEPTON}{_NEUTRINO}"}
_TEX = {" → ": r"$\to$", _LEPTON: r"$\ell$", _NEUTRINO: r"$\nu$", "t̄": r"$\bar{t}$", "b̄": r"$\bar{b}$"}
_PROCESSES = {"TT": "tt̄", "QCDbb": "QCD bb̄", "Hjets": "H + jets", "Zjets": "Z + jets", "Wjets": "W + jets"}


def display_name(name: str) -> str:
    """A class or process in Unicode: ``H → bb`` for ``Hbb``; unknown names are unchanged."""
    found = _PARENT.match(name)
    if found is None:
        return _PROCESSES.get(name, name)
    products = found["products"]
    parent = "t" if found["parent"] == "T" else found["parent"]
    detail = f" ({found['detail'].replace('_', ', ')})" if found["detail"] else ""
    return f"{parent} → {_PRODUCTS.get(products, products)}{detail}"


def tex(text: str) -> str:
    """Convert a text for matplotlib, whose fonts have no arrows."""
    for sign, command in _TEX.items():
        text = text.replace(sign, command)
    return text


def tex_name(name: str) -> str:
    """Display name of a class or process for matplotlib."""
    return tex(display_name(name))


def discriminant_formula(signal: str, background: str) -> str:
    """The discriminant of two classes as an axis label for matplotlib."""
    above, below = tex_name(signal), tex_name(background)
    return f"p({above}) / (p({above}) + p({below}))"
