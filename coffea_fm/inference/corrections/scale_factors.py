"""Scale factors of jets from any correctionlib file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from coffea_fm.errors import BundleError, InputError, first_line
from coffea_fm.inference.corrections.file import CorrectionFile, name_of
from coffea_fm.inference.corrections.inputs import meaning, variation_key, working_point_key
from coffea_fm.inference.discriminants import find_working_point

if TYPE_CHECKING:
    from coffea_fm.inference.calibrated_tagger import CalibratedTagger


def scale_factors(
    tagger: CalibratedTagger,
    jets: ak.Array,
    corrections: CorrectionFile | str | os.PathLike[str],
    working_point: str | None,
    name: str | None,
    variations: Sequence[str],
    given: Mapping[str, Any],
) -> ak.Array:
    """Scale factors of jets tagged by a tagger; see `coffea_fm.Tagger.scale_factors`."""
    file = corrections if isinstance(corrections, CorrectionFile) else CorrectionFile.read(corrections)
    chosen = own_scale_factors(file, tagger.name, tagger.checksum) if name is None else name
    known = {meaning(each): each for each in file.inputs(chosen)}
    require_model(file, chosen, tagger.name, tagger.checksum)
    inputs = dict(given)
    if working_point is not None:
        if not {"working_point", "discriminant"} & set(known):
            raise InputError(
                f"the correction {chosen!r} of {file.source} does not depend on a working point: leave out "
                f"{working_point!r} if the correction is for it"
            )
        if "working_point" in known:
            inputs.setdefault("working_point", working_point)
        if "discriminant" in known and not {"discriminant", known["discriminant"]} & set(inputs):
            point = find_working_point(tagger.calibration, working_point, tagger.name)
            scores = tagger(jets, "scores")
            scores = tagger.calibrated(scores) if point.calibrated else scores
            inputs["discriminant"] = tagger.discriminant(scores, point.signal, point.background)
    return evaluate(file, chosen, jets, inputs, variations)


def require_model(file: CorrectionFile, name: str, tagger: str, checksum: str) -> None:
    """Refuse corrections that were derived for another model. Those that name no model are not refused.

    Raises
    ------
    BundleError
        If the correction names the checksum of another model.
    """
    model = file.model(name)
    if model and not checksum.startswith(model):
        raise BundleError(
            f"the correction {name!r} of {file.source} was derived for the model {model[:12]}, but the tagger "
            f"{tagger!r} is {checksum[:12]}: use the corrections of this tagger, or the tagger of these corrections"
        )


def own_scale_factors(file: CorrectionFile, tagger: str, checksum: str) -> str:
    """Name of the scale factors of a model in a file.

    Raises
    ------
    InputError
        If there are none.
    """
    name = name_of("scale_factor", checksum)
    if name not in file.described:
        raise InputError(
            f"{file.source} has no scale factors of the tagger {tagger!r} ({checksum[:12]}): name a correction, one of "
            f"{', '.join(file.described)}"
        )
    return name


def evaluate(
    file: CorrectionFile, name: str, jets: ak.Array, given: Mapping[str, Any], variations: Sequence[str]
) -> ak.Array:
    """Evaluate a correction for jets, nominal and varied.

    Parameters
    ----------
    file : CorrectionFile
    name : str
        Name of the correction.
    jets : awkward.Array
        Jets under any lists and options; also dask-awkward or a typetracer.
    given : mapping of str to value
        Inputs, by their name in the file or by what they mean. Everything else comes from the jets.
    variations : sequence of str
        ``"up"``, ``"down"`` or words of the file.

    Returns
    -------
    awkward.Array
        In the layout of the jets: a record with the field ``nominal`` and one per variation, float64. All are 1 for a jet
        with an input of NaN.

    Raises
    ------
    InputError
        If an input is not known, or the correction has no value for a jet.
    """
    what = f"the correction {name!r} of {file.source}"
    inputs = file.inputs(name)
    if unknown := sorted(set(given) - set(inputs) - set(map(meaning, inputs))):
        raise InputError(f"{what} has no input {unknown[0]!r}: it reads {', '.join(inputs)}")
    values: dict[str, Any] = {}
    systematic = ""
    for each, kind in inputs.items():
        known = meaning(each)
        value = given.get(each, given.get(known) if known else None)
        if known == "systematic" and value is None:
            systematic = each
        elif known == "working_point" and isinstance(value, str):
            values[each] = working_point_key(value, file.keys(name, each), what)
        else:
            values[each] = _typed(_of_jets(jets, each, known, what) if value is None else value, kind)
    if variations and not systematic:
        raise InputError(f"{what} has no variations: pass variations=()")
    keys = file.keys(name, systematic)
    words = {each: variation_key(each, keys, what) for each in ("nominal", *variations)}
    numbers = {each: values[each] for each, kind in inputs.items() if kind == "real" and each in values}
    values |= {each: _in_some_bin(number, file.edges(name, each)) for each, number in numbers.items()}
    factors = {}
    for variation, word in words.items():
        arguments = [word if each == systematic else values[each] for each in inputs]
        try:
            found = _in_layout(file.content[name].evaluate(*arguments), jets)
        except (RuntimeError, IndexError, ValueError) as error:
            raise InputError(
                f"{what} has no value for some of the jets: {first_line(error)}; select the jets that it is for"
            ) from error
        factors[variation] = _one_where_nan(found, list(numbers.values()))
    return ak.zip(factors)


def _of_jets(jets: ak.Array, name: str, known: str, what: str) -> Any:
    """An input that the jets themselves have."""
    if known == "abseta" and name not in jets.fields and "eta" in jets.fields:
        return abs(jets["eta"])
    fields = {"flavour": ("hadronFlavour",), "pt": ("pt",), "eta": ("eta",), "phi": ("phi",)}
    for field in (name, *fields.get(known, ())):
        if field in jets.fields:
            return jets[field]
    hint = known or name
    raise InputError(f"{what} reads {name!r}, which the jets do not have: pass {hint}=...")


def _typed(value: Any, kind: str) -> Any:
    """The value with the type that correctionlib wants."""
    if kind == "string":
        if not isinstance(value, str):
            raise InputError(f"the correction reads text here: give a string, not {type(value).__name__}")
        return value
    if isinstance(value, int | float):
        return int(value) if kind == "int" else float(value)
    return ak.values_astype(value, np.int64 if kind == "int" else np.float64)


def _in_some_bin(number: Any, edges: Sequence[float]) -> Any:
    """The number, with one that has a bin in place of NaN, for which correctionlib may have no value; see below."""
    if isinstance(number, float):
        return number
    finite = [edge for edge in edges if np.isfinite(edge)]
    inside = float(np.mean(finite[(len(finite) - 1) // 2 :][:2])) if finite else 0.0
    return ak.where(np.isnan(number), inside, number)


def _one_where_nan(factors: ak.Array, numbers: Sequence[Any]) -> ak.Array:
    """1 for jets with an input of NaN, such as those without a score: correctionlib would take them for the last bin."""
    for number in numbers:
        if not isinstance(number, float):
            factors = ak.where(np.isnan(number), 1.0, factors)
    return factors


def _in_layout(factors: Any, jets: ak.Array) -> ak.Array:
    """A number that depends on no jet, for every jet."""
    return ak.zeros_like(jets["pt"], dtype=np.float64) + factors if isinstance(factors, float) else factors
