from __future__ import annotations

import pytest

from retix.errors import ConfigError
from retix.execution.devices import assign_devices, list_visible_devices


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
    ("slots", "gpus_per_trial", "gpu_indices", "assigned"),
    [
        (2, 0, None, ["", ""]),
        (2, 0, [1, 3], ["b,d", "b,d"]),
        (2, 1, None, ["a", "b"]),
        (2, 2, None, ["a,b", "c,d"]),
        (2, 1, [3, 0], ["d", "a"]),
    ],
)
def test_assignment(slots: int, gpus_per_trial: int, gpu_indices: list[int] | None, assigned: list[str]) -> None:
    """Every slot has its own GPUs, or all share what was named, or none has any."""
    assert assign_devices(["a", "b", "c", "d"], slots, gpus_per_trial, gpu_indices) == assigned


@pytest.mark.parametrize(
    ("slots", "gpus_per_trial", "gpu_indices", "message"),
    [
        (3, 2, None, "need 6 GPUs, and there are 4"),
        (2, 1, [1], "need 2 GPUs, and there are 1"),
        (1, 1, [4], "no GPU 4: 4 are visible"),
        (1, 1, [-1], "no GPU -1"),
        (1, 2, [1, 1], "twice"),
    ],
)
def test_too_few(slots: int, gpus_per_trial: int, gpu_indices: list[int] | None, message: str) -> None:
    """What is missing is named in numbers."""
    with pytest.raises(ConfigError, match=message):
        assign_devices(["a", "b", "c", "d"], slots, gpus_per_trial, gpu_indices)
