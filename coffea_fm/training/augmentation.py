"""Random changes of jets that leave their class as it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, TokenGroup
from coffea_fm.training.recipe import AugmentationConfig

SOFT_PT = 2.0
FloatArray = npt.NDArray[np.float32]


def augment(packed: PackedSets, spec: InputSpec, config: AugmentationConfig, random: np.random.Generator) -> PackedSets:
    """Change jets at random.

    Parameters
    ----------
    packed : PackedSets
        Jets with fields ``pt``, ``eta`` and ``phi`` of jet and tokens.
    spec : InputSpec
        Describes `packed`.
    config : AugmentationConfig
        Which changes.
    random : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    PackedSets
        As many jets; some with fewer tokens.
    """
    if config == AugmentationConfig():
        return packed
    n_sets = len(packed)
    angle = random.uniform(-np.pi, np.pi, n_sets) if config.rotate else np.zeros(n_sets)
    signs = random.choice((-1.0, 1.0), (2, n_sets)) if config.reflect else np.ones((2, n_sets))
    axis = {name: packed.jet[:, spec.jet_names.index(name)] for name in ("eta", "phi")}
    groups = {}
    for group in spec.groups:
        tokens = packed.groups[group.name]
        kept = _kept(tokens, group, config.drop, random)
        tokens = PackedTokens(tokens.values[kept], _count(tokens, kept), tokens.missing[kept])
        groups[group.name] = _moved(tokens, group, axis, angle, signs, config.smear, random)
    return PackedSets(groups, packed.jet)


def _kept(tokens: PackedTokens, group: TokenGroup, drop: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    pt = tokens.values[:, group.names.index("pt")]
    kept: npt.NDArray[np.bool_] = random.random(len(pt)) >= drop * np.exp(-pt / SOFT_PT)
    kept[tokens.offsets[:-1][tokens.lengths > 0]] = True
    return kept


def _count(tokens: PackedTokens, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    before = np.concatenate(([0], np.cumsum(kept)))
    return np.diff(before[tokens.offsets])


def _moved(
    tokens: PackedTokens,
    group: TokenGroup,
    axis: dict[str, FloatArray],
    angle: npt.NDArray[np.float64],
    signs: npt.NDArray[np.float64],
    smear: float,
    random: np.random.Generator,
) -> PackedTokens:
    columns = {name: index for index, name in enumerate(group.names)}
    of_token = np.repeat(np.arange(len(tokens.lengths)), tokens.lengths)
    values = tokens.values.copy()
    eta_axis, phi_axis = axis["eta"][of_token], axis["phi"][of_token]
    eta_sign, phi_sign = signs[:, of_token]
    cosine, sine = np.cos(angle)[of_token], np.sin(angle)[of_token]
    eta = (values[:, columns["eta"]] - eta_axis) * eta_sign
    phi = wrap(values[:, columns["phi"]] - phi_axis) * phi_sign
    width = smear / np.maximum(values[:, columns["pt"]], 1.0)
    shift = random.normal(size=(2, len(values))) * width if smear else np.zeros((2, 1))
    values[:, columns["eta"]] = eta_axis + cosine * eta - sine * phi + shift[0]
    values[:, columns["phi"]] = wrap(phi_axis + sine * eta + cosine * phi + shift[1])
    for name, sign in (("dz", eta_sign), ("d0", phi_sign)):
        if name in columns:
            values[:, columns[name]] *= sign
    return PackedTokens(values, tokens.lengths, tokens.missing)


def wrap(angle: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The same angle in [-pi, pi)."""
    wrapped: npt.NDArray[np.floating] = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped
