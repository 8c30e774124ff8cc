from __future__ import annotations

import pytest

from retix.errors import ConfigError
from retix.execution.devices import DevicePool, list_visible_devices

FOUR = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("environment", "visible"),
    [
        ({}, ["0", "1", "2"]),
        ({"CUDA_VISIBLE_DEVICES": "2, 5"}, ["2", "5"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-ab,MIG-cd"}, ["GPU-ab", "MIG-cd"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, ["1"]),
    ],
)
def test_visible_devices(environment: dict[str, str], visible: list[str]) -> None:
    """The variable is read as CUDA reads it; without it, the machine's GPUs are counted."""
    assert list_visible_devices(environment, lambda: 3) == visible


@pytest.mark.parametrize(
    ("slots", "gpus_per_trial", "trials_per_gpu", "gpu_indices", "assigned"),
    [
        (2, 0, 1, None, ["", ""]),
        (2, 0, 1, [1, 3], ["b,d", "b,d"]),
        (2, 1, 1, None, ["a", "b"]),
        (2, 2, 1, None, ["a,b", "c,d"]),
        (2, 1, 1, [3, 0], ["d", "a"]),
        (4, 1, 2, [0, 1], ["a", "b", "a", "b"]),
        (4, 0.5, 1, [0, 1], ["a", "b", "a", "b"]),
        (3, 1 / 3, 3, [2], ["c", "c", "c"]),
        (3, 2, 2, [0, 1, 2], ["a,b", "a,c", "b,c"]),
        (5, 0.4, 1, None, ["a", "b", "c", "d", "a"]),
    ],
)
def test_assignment(
    slots: int, gpus_per_trial: float, trials_per_gpu: int, gpu_indices: list[int] | None, assigned: list[str]
) -> None:
    """Each trial has its own GPUs, or shares of those least used, or all share what was named, or none has any."""
    pool = DevicePool(FOUR, gpus_per_trial, trials_per_gpu, gpu_indices)
    pool.check(slots)
    assert [pool.take() for _ in range(slots)] == assigned


def test_shares_come_back() -> None:
    """No more is given than there is; what is given back can be taken again."""
    pool = DevicePool(["a", "b"], 1, 2, None)
    taken = [pool.take() for _ in range(5)]
    assert taken == ["a", "b", "a", "b", None]
    pool.give_back("b")
    assert pool.take() == "b"
    assert pool.take() is None


@pytest.mark.parametrize(
    ("slots", "gpus_per_trial", "trials_per_gpu", "gpu_indices", "message"),
    [
        (3, 2, 1, None, "3 trials at a time with 2 GPUs each need 6 GPUs, and there are 4"),
        (2, 1, 1, [1], "with 1 GPU each need 2 GPUs, and there are 1"),
        (9, 0.5, 1, None, r"with 0.5 GPU each need 5 GPUs \(2 trials on each\), and there are 4"),
        (1, 5, 3, None, "need 5 GPUs"),
        (1, 1, 1, [4], "no GPU 4: 4 are visible"),
        (1, 1, 1, [-1], "no GPU -1"),
        (1, 2, 1, [1, 1], "twice"),
        (1, 1.5, 1, None, "gpus_per_trial is 1.5, which is neither"),
        (1, -1, 1, None, "gpus_per_trial is -1"),
        (1, 1, 0, None, "trials_per_gpu is 0"),
        (1, 0.5, 3, None, "so 2 trials fit on a GPU, and trials_per_gpu is 3"),
    ],
)
def test_too_few(
    slots: int, gpus_per_trial: float, trials_per_gpu: int, gpu_indices: list[int] | None, message: str
) -> None:
    """What is missing or contradictory is named in numbers."""
    with pytest.raises(ConfigError, match=message):
        DevicePool(FOUR, gpus_per_trial, trials_per_gpu, gpu_indices).check(slots)
