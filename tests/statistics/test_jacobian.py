from __future__ import annotations

import numpy as np


def test_parameters_of_different_bins_are_moved_together(blinded):
    _, likelihood = blinded
    jacobian = likelihood.jacobian
    assert len(jacobian.groups) < 0.75 * likelihood.model.config.npars
    assert sorted(np.concatenate(jacobian.groups)) == list(range(likelihood.model.config.npars))
    for group in jacobian.groups:
        assert jacobian.affected[:, group].sum(axis=1).max() <= 1


def test_derivatives_are_those_of_one_parameter_at_a_time(blinded):
    _, likelihood = blinded
    model, jacobian = likelihood.model, likelihood.jacobian
    at = np.array(model.config.suggested_init()) * 1.03 + 0.01
    one_by_one = []
    for step in np.diag(1e-3 * jacobian.steps):
        above, below = (np.asarray(model.expected_data(at + sign * step)) for sign in (1, -1))
        one_by_one.append((above - below) / (2 * step.sum()))
    np.testing.assert_allclose(jacobian(at), np.array(one_by_one).T, atol=1e-6, rtol=1e-6)


def test_second_derivatives_are_the_changes_of_the_gradient(blinded):
    _, likelihood = blinded
    toy = likelihood.toy(1.0, np.random.default_rng(0))
    at = np.array(toy.model.config.suggested_init())
    hessian = toy.hessian(at)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9)
    for index in (toy.poi, toy.transfers()["transfer_tagged"], toy.constrained()["scale"]):
        step = 0.01 * toy.jacobian.steps[index] * np.eye(len(at))[index]
        change = (toy.gradient(at + step) - toy.gradient(at - step)) / (2 * step.sum())
        np.testing.assert_allclose(hessian[index], change, rtol=1e-2, atol=1e-2 * np.abs(change).max())
