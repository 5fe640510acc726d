from __future__ import annotations

import torch
from torch import nn

from coffea_fm.training.loop.ema import averaged_copy, update_average


def test_average_follows_its_definition() -> None:
    module = nn.Linear(1, 1)
    averaged = averaged_copy(module)
    value = module.weight.item()
    for step in range(1, 50):
        with torch.no_grad():
            module.weight.fill_(step)
        update_average(averaged, module, 0.8, step)
        decay = min(0.8, step / (10 + step))
        value = decay * value + (1 - decay) * step
    torch.testing.assert_close(averaged.weight, torch.full((1, 1), value))


def test_no_average_is_the_network_itself() -> None:
    module = nn.Linear(2, 2)
    averaged = averaged_copy(module)
    nn.init.normal_(module.weight)
    update_average(averaged, module, 0.0, 1000)
    assert torch.equal(averaged.weight, module.weight)


def test_running_statistics_are_averaged_and_counts_copied() -> None:
    module = nn.BatchNorm1d(1)
    averaged = averaged_copy(module)
    module(torch.randn(10, 1))
    update_average(averaged, module, 0.9, 1000)
    torch.testing.assert_close(averaged.running_mean, 0.1 * module.running_mean)
    assert averaged.num_batches_tracked == 1


def test_average_is_never_trained() -> None:
    averaged = averaged_copy(nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)).train())
    assert not averaged.training
    assert not any(parameter.requires_grad for parameter in averaged.parameters())
