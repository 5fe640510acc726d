from __future__ import annotations

import numpy as np

from coffea_fm.statistics.postfit import background, channel_of, yield_tables


def test_the_postfit_background_is_what_was_fitted(blinded):
    workspace, likelihood = blinded
    asimov = likelihood.asimov(0.0)
    fitted = asimov.fit()
    channel = channel_of(background(asimov, fitted), "boosted_pass_high", "X")
    assert set(channel.samples) == {"TT", "multijet"}
    observed = next(part["data"] for part in workspace["observations"] if part["name"] == "boosted_pass_high")
    np.testing.assert_allclose(sum(channel.samples.values()), observed, rtol=0.02)
    assert np.all((channel.error > 0) & (channel.error < np.sqrt(observed)))
    table = yield_tables(asimov, fitted, observe=False)
    assert table.startswith("pre-fit, yields per channel")
    total = next(line for line in table[table.index("post-fit") :].splitlines() if line.startswith("fitted"))
    assert f"{sum(observed):.2f}" in total.split()
