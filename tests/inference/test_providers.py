from __future__ import annotations

import pytest

from coffea_fm.errors import InputError
from coffea_fm.inference.providers import CPU, CUDA, choose_providers


def test_cuda_comes_first_where_it_is() -> None:
    assert choose_providers(None, ["TensorrtExecutionProvider", CUDA, CPU]) == (CUDA, CPU)
    assert choose_providers(None, ["AzureExecutionProvider", CPU]) == (CPU,)


def test_one_argument_chooses() -> None:
    assert choose_providers(["cpu"], [CUDA, CPU]) == (CPU,)
    assert choose_providers(["cuda", CPU], [CUDA, CPU]) == (CUDA, CPU)


@pytest.mark.parametrize("asked", [["cuda"], ["no"], []])
def test_what_is_not_there_is_refused(asked: list[str]) -> None:
    with pytest.raises(InputError, match="it has CPUExecutionProvider"):
        choose_providers(asked, [CPU])
