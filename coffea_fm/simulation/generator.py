"""Events from Pythia 8, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import awkward as ak
import numpy as np
import pythia8mc

from coffea_fm.errors import RecipeError
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.filters import WantedJets
from coffea_fm.simulation.processes import Process

BEAM_ENERGY = 13_000.0
_COMMON = (
    "Print:quiet = on",
    f"Beams:eCM = {BEAM_ENERGY}",
    "Check:event = off",
    "Random:setSeed = on",
    "MultipartonInteractions:processLevel = 1",
)
_FLAT_POWER = 5.0


def generate(
    process: Process,
    pt_range: tuple[float, float],
    max_eta: float,
    seed: int,
    *,
    batch: int = 100,
    flat: bool = False,
    further: tuple[str, ...] = (),
) -> Iterator[Events]:
    """Generate events without end.

    Parameters
    ----------
    process : Process
        What to generate.
    pt_range : tuple of float
        Range of the jets' transverse momentum wanted, GeV.
    max_eta : float
        Largest absolute pseudorapidity of the jets wanted.
    seed : int
        Pythia's seed, 1 to 900,000,000.
    batch : int
        Events a batch.
    flat : bool
        Flatten the falling spectrum of the hard process; `Events.weight` undoes it.
    further : tuple of str
        Settings after all others, such as another tune.

    Raises
    ------
    RecipeError
        If Pythia does not know a setting, or cannot start with them.
    """
    pythia = pythia8mc.Pythia("", False)
    low, high = pt_range
    hard_range = (
        f"PhaseSpace:pTHatMin = {process.lowest * low}",
        f"PhaseSpace:pTHatMax = {min(process.highest * high, 0.49 * BEAM_ENERGY)}",
    )
    bias = (
        "PhaseSpace:bias2Selection = on",
        f"PhaseSpace:bias2SelectionPow = {_FLAT_POWER}",
        f"PhaseSpace:bias2SelectionRef = {low}",
    )
    spectrum = (*hard_range, *(bias if flat else ()))
    for setting in (*_COMMON, f"Random:seed = {seed}", *spectrum, *process.settings, *further):
        if not pythia.readString(setting):
            raise RecipeError(f"Pythia does not know the setting {setting!r}")
    for setting in process.alternatives[0]:
        pythia.readString(setting)
    wanted = WantedJets(process.resonance, pt_range, max_eta)
    pythia.setUserHooksPtr(wanted)
    if not pythia.init():
        raise RecipeError(f"Pythia cannot start for jets of {low:g} to {high:g} GeV; choose another range")
    for alternative in cycle(process.alternatives):
        for setting in alternative:
            pythia.readString(setting)
        yield _flat_events(pythia.nextBatch(batch))


def _flat_events(batch: ak.Array) -> Events:
    particles = batch.prt
    offsets = np.asarray(ak.to_packed(particles).layout.offsets.data, dtype=np.int64)
    rows = ak.flatten(particles)
    start = np.repeat(offsets[:-1], np.diff(offsets))
    mother = np.asarray(rows.mother1, dtype=np.int64)
    px, py, pz, energy = (np.asarray(rows.p[axis]) for axis in ("px", "py", "pz", "e"))
    x, y, z = (ak.to_numpy(ak.fill_none(rows.vProd[axis], 0.0)) for axis in ("px", "py", "pz"))
    return Events(
        offsets,
        np.asarray(rows.id),
        np.asarray(rows.status),
        np.where(mother > 0, mother + start, -1),
        px,
        py,
        pz,
        energy,
        x,
        y,
        z,
        np.asarray(batch.info.weights[:, 0]),
    )
