from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch.nn.functional import normalize

from coffea_fm.methods.parts.queue import Queue, of_all_processes
from coffea_fm.training.loop.parallel import launch


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


def entered_in(fabric: Fabric) -> list[list[float]]:
    """Each process has another number of keys; the queues of both."""
    queue = Queue(6, 2)
    for step in range(3):
        mine = [100 * step + 10 * fabric.global_rank + index for index in range(1 + fabric.global_rank)]
        queue.enter(of_all_processes(numbered(*mine)))
    both = fabric.all_gather(queue.keys)
    assert isinstance(both, torch.Tensor)
    return both[..., 0].tolist()


def test_all_processes_have_the_same_queue_of_all_keys() -> None:
    first, second = launch(entered_in, 2, "fp32")
    assert first == second == [200, 210, 211, 100, 110, 111]
    assert of_all_processes(numbered(1)).tolist() == [[1, -1]]
