"""X -> HH -> 4b in events with two large-R jets or four small-R ones: from a fileset to the histograms of the limit.

coffea-fm fileset samples/hh4b --output hh4b.json
coffea-fm run hh4b hh4b.json --option jets=exports/jet-classifier-small --output analysed
coffea-fm limit analysed --signal X1000 --output limit

With a folder it writes the selected events instead, to train an event head on:

coffea-fm collect hh4b.json --processor hh4b --option jets=exports/jet-classifier-small --output data/hh4b

To make an analysis of your own, copy the folder:

========================== ========================================================
``processor.py``           the processor
``boosted.py``             category with two large-R jets
``resolved.py``            category with four small-R jets
``histograms.py``          what is filled, and which regions are blinded
``taggers.py``             bundles as the analysis uses them
``options.py``             checks of the processor's options
``fileset.yaml``           processes, as ``coffea-fm fileset`` makes datasets of them
``limit*.yaml``            regions and uncertainties of ``coffea-fm limit``
``corrections.json``       corrections and scale factors, made by ``derive``
``derive/``                how they are made: ``python -m hh4b.derive``
========================== ========================================================
"""

from __future__ import annotations

from .processor import HH4b

__all__ = ["HH4b"]
