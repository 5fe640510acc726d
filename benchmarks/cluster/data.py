"""Larger files from the shipped sample: the same events over and over, in files with a UUID of their own."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

SAMPLES = Path(__file__).parents[2] / "samples"
_BASKET = 2000


def enlarged(folder: Path, files: int, events: int) -> list[Path]:
    """So many files of so many events each, written once."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{events}_{number}.root" for number in range(files)]
    if all(path.exists() for path in paths):
        return paths
    some = _sample()
    n = len(next(iter(some.values())))
    for number, path in enumerate(paths):
        with uproot.recreate(path) as file:
            for start in range(0, events, _BASKET):
                rows = np.arange(start, min(start + _BASKET, events)) + number * events
                part = {name: array[rows % n] for name, array in some.items()}
                if start == 0:
                    tree = file.mktree("Events", part)
                else:
                    tree.extend(part)
    return paths


def _sample() -> dict[str, ak.Array]:
    """The events of the sample in random order, a record for each collection, as uproot writes it."""
    trees = [uproot.open(path)["Events"] for path in sorted(SAMPLES.glob("*.root"))]
    names = trees[0].keys()
    counts = [name.removeprefix("n") for name in names if name.startswith("n") and name[1:2].isupper()]
    whole = ak.concatenate([tree.arrays(names) for tree in trees])
    whole = whole[np.random.default_rng(0).permutation(len(whole))]
    out = {}
    for name in counts:
        fields = [field for field in names if field.startswith(f"{name}_")]
        out[name] = ak.zip({field.removeprefix(f"{name}_"): whole[field] for field in fields})
    for name in names:
        if not any(name == f"n{other}" or name.startswith(f"{other}_") for other in counts):
            out[name] = whole[name]
    return out
