"""Start Pythia 8, and convert its events to flat arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import awkward as ak
import numpy as np
import pythia8mc

from coffea_fm.errors import RecipeError
from coffea_fm.simulation.events import Events

BEAM_ENERGY = 13_000.0
_LARGEST_SEED = 900_000_000
_COMMON = (
    "Print:quiet = on",
    f"Beams:eCM = {BEAM_ENERGY}",
    "Check:event = off",
    "Random:setSeed = on",
    "MultipartonInteractions:processLevel = 1",
)


def seeded(*entropy: int) -> tuple[int, np.random.Generator]:
    """Pythia's seed, and independent random numbers for the detector, which only depend on these numbers.

    Parameters
    ----------
    *entropy : int
        Such as the seed of a sample, the process and the file. Other numbers give other, independent results.

    Returns
    -------
    seed : int
        1 to 900,000,000.
    random : numpy.random.Generator
    """
    source = np.random.SeedSequence(entropy)
    seed = int(source.generate_state(1)[0] % _LARGEST_SEED) + 1
    return seed, np.random.default_rng(source.spawn(1)[0])


def start(
    settings: Iterable[str],
    seed: int,
    hooks: pythia8mc.UserHooks | None,
    what: str,
    hard_processes: pythia8mc.LHAup | None = None,
) -> Any:
    """Start a Pythia instance.

    Parameters
    ----------
    settings : iterable of str
        Changes to Pythia's defaults; later settings override earlier ones.
    seed : int
        Pythia's seed, 1 to 900,000,000.
    hooks : pythia8mc.UserHooks, optional
        Hooks called during generation; the caller must keep a reference.
    what : str
        What cannot be generated if Pythia fails to start, for the error message.
    hard_processes : pythia8mc.LHAup, optional
        Gives the hard processes, with the setting ``Beams:frameType = 5``; the caller must keep a reference.

    Raises
    ------
    RecipeError
        If a setting is unknown to Pythia, or Pythia cannot start.
    """
    pythia = pythia8mc.Pythia("", False)
    for setting in (*_COMMON, f"Random:seed = {seed}", *settings):
        if not pythia.readString(setting):
            raise RecipeError(f"Pythia does not know the setting {setting!r}")
    if hooks is not None:
        pythia.setUserHooksPtr(hooks)
    if hard_processes is not None:
        pythia.setLHAupPtr(hard_processes)
    if not pythia.init():
        raise RecipeError(f"Pythia cannot start for {what}")
    return pythia


def flat_events(batch: ak.Array) -> Events:
    """Convert the events of ``pythia.nextBatch`` to flat arrays."""
    particles = batch.prt
    offsets = np.asarray(ak.to_packed(particles).layout.offsets.data, dtype=np.int64)
    rows = ak.flatten(particles)
    first = np.repeat(offsets[:-1], np.diff(offsets))
    mother = np.asarray(rows.mother1, dtype=np.int64)
    px, py, pz, energy = (np.asarray(rows.p[axis]) for axis in ("px", "py", "pz", "e"))
    x, y, z = (ak.to_numpy(ak.fill_none(rows.vProd[axis], 0.0)) for axis in ("px", "py", "pz"))
    return Events(
        offsets,
        np.asarray(rows.id),
        np.asarray(rows.status),
        np.where(mother > 0, mother + first, -1),
        px,
        py,
        pz,
        energy,
        x,
        y,
        z,
        np.asarray(batch.info.weights[:, 0]),
    )
