from __future__ import annotations

import numpy as np

from coffea_fm.statistics.ranking import rank


def test_the_ranking_moves_mu_where_a_parameter_is_held(blinded):
    _, likelihood = blinded
    asimov = likelihood.asimov(1.0)
    fitted = asimov.fit()
    found = rank(asimov, fitted)
    sizes = np.maximum(np.abs(found.postfit_up), np.abs(found.postfit_down))
    assert list(sizes) == sorted(sizes, reverse=True)
    assert np.all(sizes < fitted.uncertainty[likelihood.poi])
    transfer = found.labels.index("transfer_tagged")
    assert found.postfit_up[transfer] < 0 < found.postfit_down[transfer]
    assert found.prefit_up[transfer] == found.prefit_down[transfer] == 0
    held = [place for place, name in enumerate(found.labels) if name in likelihood.constrained()]
    assert np.all(np.abs(found.bestfit[held]) < 0.05)
    assert np.all((found.uncertainty[held] > 0) & (found.uncertainty[held] < 1.02))
    assert np.all(np.abs(found.prefit_up[held]) >= 0.98 * np.abs(found.postfit_up[held]))
