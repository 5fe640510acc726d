"""X -> HH -> 4b in events with two large-R jets or four small-R ones: from a fileset to the histograms of the limit.

coffea-fm fileset samples/hh4b --output hh4b.json
coffea-fm run hh4b hh4b.json --option jets=exports/jet-classifier-small --output analysed
coffea-fm limit analysed --signal X1000 --output limit

Given a folder, it writes the selected events instead, to train an event head:

coffea-fm collect hh4b.json --processor hh4b --option jets=exports/jet-classifier-small --output data/hh4b

Copy the folder to start your own analysis:

========================== ========================================================
``processor.py``           the processor
``boosted.py``             category with two large-R jets
``resolved.py``            category with four small-R jets
``histograms.py``          histograms, and blinded regions
``taggers.py``             bundles as the analysis uses them
``options.py``             checks of the processor's options
``fileset.yaml``           processes, for ``coffea-fm fileset``
``limit*.yaml``            regions and uncertainties, for ``coffea-fm limit``
``corrections.json``       corrections and scale factors, made by ``derive``
``derive/``                derivation of the corrections: ``python -m hh4b.derive``
========================== ========================================================
"""

from __future__ import annotations

from .processor import HH4b

__all__ = ["HH4b"]
