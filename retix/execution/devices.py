"""Which GPUs each slot of an engine sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from retix.errors import ConfigError

VISIBLE = "CUDA_VISIBLE_DEVICES"


def list_visible_devices(environment: Mapping[str, str], count_devices: Callable[[], int]) -> list[str]:
    """The names by which CUDA knows the GPUs that this process may use.

    Args:
        environment: Its environment variables; ``CUDA_VISIBLE_DEVICES`` limits what is visible.
        count_devices: Counts the machine's GPUs; asked only if no variable limits them.
    """
    limit = environment.get(VISIBLE)
    if limit is None:
        return [str(index) for index in range(count_devices())]
    # CUDA stops reading at the first name that means nothing, and -1 is how people write "none".
    return list(takewhile(lambda name: name not in ("", "-1"), (name.strip() for name in limit.split(","))))


def assign_devices(
    visible: Sequence[str], slots: int, gpus_per_trial: int, gpu_indices: Sequence[int] | None
) -> list[str]:
    """The value of ``CUDA_VISIBLE_DEVICES`` for every slot.

    Args:
        visible: The GPUs there are, as CUDA names them.
        slots: How many trials run at a time.
        gpus_per_trial: How many GPUs each of them has to itself. With 0, all share the GPUs of ``gpu_indices``.
        gpu_indices: The GPUs to use, as indices into ``visible``; None means all if trials need any, else none.

    Raises:
        ConfigError: There are fewer GPUs than needed, or an index names none or names one twice.
    """
    if gpu_indices is None:
        gpu_indices = range(len(visible)) if gpus_per_trial else ()
    chosen = _choose(visible, gpu_indices)
    if not gpus_per_trial:
        return [",".join(chosen)] * slots
    if slots * gpus_per_trial > len(chosen):
        raise ConfigError(
            f"{slots} trials at a time with {gpus_per_trial} GPUs each need {slots * gpus_per_trial} GPUs, "
            f"and there are {len(chosen)}",
            fix="lower the trial concurrency or the GPUs per trial, or make more GPUs visible",
        )
    return [",".join(chosen[i * gpus_per_trial : (i + 1) * gpus_per_trial]) for i in range(slots)]


def _choose(visible: Sequence[str], indices: Sequence[int]) -> list[str]:
    if len(set(indices)) < len(indices):
        raise ConfigError(f"the GPU indices {list(indices)} name a GPU twice", fix="name every GPU once")
    for index in indices:
        if not 0 <= index < len(visible):
            raise ConfigError(
                f"there is no GPU {index}: {len(visible)} are visible",
                why=f"indices count from 0 among the GPUs that {VISIBLE} leaves visible",
                fix="choose indices below that number, or make more GPUs visible",
            )
    return [visible[index] for index in indices]
