from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.functional import normalize

from coffea_fm.methods.parts.queue import Queue, of_all_processes


def numbered(*numbers: int) -> torch.Tensor:
    return torch.tensor([[float(number), -1.0] for number in numbers])


def test_first_in_first_out_around_the_end() -> None:
    queue = Queue(5, 2)
    queue.enter(numbered(0, 1, 2))
    assert queue.keys[:3, 0].tolist() == [0, 1, 2]
    queue.enter(numbered(3, 4, 5))
    assert queue.keys[:, 0].tolist() == [5, 1, 2, 3, 4]
    queue.enter(numbered(6, 7))
    assert queue.keys[:, 0].tolist() == [5, 6, 7, 3, 4]
    assert int(queue.entered) == 8
    queue.enter(numbered(0)[:0])
    assert queue.keys[:, 0].tolist() == [5, 6, 7, 3, 4]


def test_more_keys_than_places_leave_the_last() -> None:
    queue = Queue(3, 2)
    queue.enter(numbered(*range(8)))
    assert queue.keys[:, 0].tolist() == [6, 7, 5]
    queue.enter(numbered(8))
    assert sorted(queue.keys[:, 0].tolist()) == [6, 7, 8]


def test_it_starts_with_the_same_directions_and_is_state() -> None:
    one, other = Queue(4, 3), Queue(4, 3)
    torch.testing.assert_close(one.keys, normalize(one.keys, dim=1))
    assert torch.equal(one.keys, other.keys)
    one.enter(torch.ones(2, 3))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.keys, other.keys)
    assert int(other.entered) == 2


def entered_in(rank: int, meeting_place: Path) -> list[float]:
    """The queue in one of two processes, of which each has another number of keys."""
    distributed.init_process_group("gloo", init_method=f"file://{meeting_place}", rank=rank, world_size=2)
    queue = Queue(6, 2)
    for step in range(3):
        queue.enter(of_all_processes(numbered(*(100 * step + 10 * rank + index for index in range(1 + rank)))))
    distributed.destroy_process_group()
    return queue.keys[:, 0].tolist()


def test_all_processes_have_the_same_queue_of_all_keys(tmp_path: Path) -> None:
    assert of_all_processes(numbered(1)).tolist() == [[1, -1]]
    command = f"from test_queue import *; print(entered_in(1, Path({str(tmp_path / 'meet')!r})))"
    with subprocess.Popen([sys.executable, "-c", command], cwd=Path(__file__).parent, stdout=subprocess.PIPE) as other:
        first = entered_in(0, tmp_path / "meet")
        second, _ = other.communicate(timeout=100)
    assert first == [200, 210, 211, 100, 110, 111]
    assert json.loads(second) == first
