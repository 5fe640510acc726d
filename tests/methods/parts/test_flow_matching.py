from __future__ import annotations

import torch

from coffea_fm.methods.parts.flow_matching import flow, integrate, logistic_normal_times, time_waves


def gaussian_velocity(values: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """Exact velocity between numbers of N(2, 0.5²) at time 0 and noise of N(0, 1) at time 1, E[ε - x | mixture]."""
    t = time.view(-1, *[1] * (values.dim() - 1))
    variance = ((1 - t) * 0.5).square() + t.square()
    return -2 + (t - (1 - t) * 0.25) / variance * (values - (1 - t) * 2)


def test_the_path_goes_from_numbers_to_noise() -> None:
    numbers, noise = torch.randn(2, 5, 3)
    start, velocity = flow(numbers, noise, torch.zeros(5, 1))
    assert torch.equal(start, numbers)
    assert torch.equal(velocity, noise - numbers)
    assert torch.equal(flow(numbers, noise, torch.ones(5, 1))[0], noise)
    step = flow(numbers, noise, torch.full((5, 1), 0.75))[0] - flow(numbers, noise, torch.full((5, 1), 0.25))[0]
    torch.testing.assert_close(step, 0.5 * velocity)


def test_the_exact_velocity_leads_noise_back_to_the_numbers() -> None:
    """For Gaussian distributions the way back is the linear map x = 2 + 0.5 ε; the error falls at least as the step squared."""
    noise = torch.randn(1000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    errors = [float((integrate(gaussian_velocity, noise, steps) - (2 + 0.5 * noise)).abs().max()) for steps in (5, 10)]
    assert errors[0] < 5e-3
    assert errors[1] < errors[0] / 4


def test_a_regression_to_the_mean_velocity_finds_the_exact_one() -> None:
    """Least squares on ``ε - x`` at one time gives the slope and offset of the exact velocity."""
    generator = torch.Generator().manual_seed(1)
    numbers, noise = 2 + 0.5 * torch.randn(200_000, generator=generator), torch.randn(200_000, generator=generator)
    time = torch.full((len(noise),), 0.3)
    mixed, velocity = flow(numbers, noise, time)
    design = torch.stack((torch.ones_like(mixed), mixed), dim=1)
    offset, slope = torch.linalg.lstsq(design, velocity.unsqueeze(1)).solution[:, 0]
    exact = gaussian_velocity(torch.tensor([0.0, 1.0]), time[:2])
    torch.testing.assert_close(torch.stack((offset, offset + slope)), exact, atol=0.02, rtol=0)


def test_times_are_between_0_and_1_and_mostly_in_the_middle() -> None:
    time = logistic_normal_times(torch.zeros(20_000))
    assert 0 < time.min() < time.max() < 1
    assert abs(float(((time > 0.3) & (time < 0.7)).float().mean()) - 0.6031) < 0.02
    assert time_waves(time.unsqueeze(1)).shape == (20_000, 8)
