from __future__ import annotations

import pytest
import torch
from torch import nn

from coffea_fm.methods.parts.projector import Projector, ProjectorConfig, Prototypes
from coffea_fm.methods.parts.teacher import Teacher, TeacherConfig


def changed(seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_momentum_schedule() -> None:
    config = TeacherConfig(start=0.9, end=1.0)
    assert [config.momentum(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.95, 1.0])
    assert TeacherConfig(start=0.99, end=0.99).momentum(0.3) == pytest.approx(0.99)


@pytest.mark.parametrize(("momentum", "share"), [(0.0, 0.0), (1.0, 1.0), (0.75, 0.75)])
def test_a_step_towards_the_student(momentum: float, share: float) -> None:
    old, new = changed(0), changed(1)
    teacher = Teacher(TeacherConfig(start=momentum, end=momentum), old)
    teacher.follow(new, 0.3)
    torch.testing.assert_close(teacher.module.weight, share * old.weight + (1 - share) * new.weight)
    torch.testing.assert_close(teacher.module.bias, share * old.bias + (1 - share) * new.bias)


def test_the_teacher_is_a_copy_without_gradients_and_without_dropout() -> None:
    student = nn.Sequential(changed(0), nn.Dropout(0.5))
    teacher = Teacher(TeacherConfig(), student).train()
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    inputs = torch.ones(4, 3, requires_grad=True)
    output = teacher(inputs)
    assert not output.requires_grad
    torch.testing.assert_close(output, student[0](inputs))
    with torch.no_grad():
        student[0].weight.zero_()
    torch.testing.assert_close(teacher(inputs), output)


def test_projector_and_prototypes() -> None:
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig(hidden=(16, 8), dim=4), 5)
    assert [layer.weight.shape for layer in projector if isinstance(layer, nn.Linear)] == [(16, 5), (8, 16), (4, 8)]
    prototypes = Prototypes(4, 7)
    vectors = torch.randn(3, 4)
    expected = torch.nn.functional.cosine_similarity(vectors[:, None], prototypes.weight[None], dim=2)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(prototypes(vectors), expected)
