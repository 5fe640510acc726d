"""Derive the corrections of `hh4b` from simulated events: jet energies, soft-drop mass, scale factors of the taggers.

The calibration uses truth. A second sample with another Pythia tune is used as data: its difference to the first sample
is the uncertainty, and gives the scale factors of the taggers. The corrections are therefore only valid for this
simulation. Run it in the folder that contains ``hh4b``:

python -m hh4b.derive NOMINAL SHIFTED --jets BUNDLE --output FILE.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from correctionlib import schemav2

from coffea_fm.errors import CoffeaFMError
from coffea_fm.files import atomic

from ..taggers import JetTagger, large_r_tagger, small_r_tagger
from .calibration import energy_corrections, mass_correction, random_numbers
from .labelled_jets import labelled_jets
from .scale_factors import scale_factors


def derive(
    nominal: Annotated[Path, typer.Argument(help="Folder written by 'coffea-fm simulate hh4b', with H -> bb jets.")],
    shifted: Annotated[Path, typer.Argument(help="The same processes with other settings, used as data.")],
    output: Annotated[Path, typer.Option(help="JSON file to write.")],
    jets: Annotated[str, typer.Option(help="Bundle for the large-R jets.")],
    flavour: Annotated[str, typer.Option(help="Bundle for the small-R jets.")] = "",
    txbb: Annotated[tuple[float, float], typer.Option(help="Medium and tight cut on TXbb.")] = (0.8, 0.98),
    b_tag: Annotated[float, typer.Option(help="Cut on the score of a small-R jet.")] = 0.7,
) -> None:
    """Derive the corrections for simulated events."""
    taggers: dict[str, tuple[JetTagger | None, tuple[float, ...]]] = {
        "FatJet": (large_r_tagger(jets, None), txbb),
        "Jet": (small_r_tagger(flavour, None) if flavour else None, (b_tag,)),
    }
    corrections = [random_numbers()]
    for collection, (tagger, cuts) in taggers.items():
        ours, theirs = (labelled_jets(folder, collection, tagger) for folder in (nominal, shifted))
        corrections += energy_corrections(collection, ours, theirs)
        if collection == "FatJet":
            corrections.append(mass_correction(ours, theirs))
        if tagger is not None:
            corrections.append(scale_factors(tagger, collection, cuts, ours, theirs))
    text = (
        "Jets of coffea-fm's light detector simulation, not of an experiment. Calibrated to the truth of "
        f"{nominal.name}; uncertainties and scale factors from {shifted.name}, which stands for data."
    )
    content = schemav2.CorrectionSet(schema_version=2, description=text, corrections=corrections)
    with atomic(output) as path:
        path.write_text(content.model_dump_json(indent=1, exclude_unset=True) + "\n")
    print(f"wrote {len(corrections)} corrections to {output}")  # noqa: T201


if __name__ == "__main__":
    try:
        typer.run(derive)
    except CoffeaFMError as error:
        sys.exit(f"hh4b.derive: {error}")
