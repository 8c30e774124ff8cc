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


class DevicePool:
    """The GPUs of an engine, each cut into shares.

    A trial takes one share of each GPU that it uses. Where it wants a fraction of a GPU, the fraction says how many
    shares there are; else ``trials_per_gpu`` does.

    Args:
        visible: The GPUs there are, as CUDA names them.
        gpus_per_trial: How many GPUs each trial uses: a whole number, or a fraction of one GPU. With 0, all trials
            see the GPUs of ``gpu_indices`` and share them without being counted.
        trials_per_gpu: How many trials may use one GPU at the same time.
        gpu_indices: The GPUs to use, as indices into ``visible``; None means all if trials need any, else none.

    Raises:
        ConfigError: A number has no meaning, two contradict each other, or an index names no GPU or names one twice.
    """

    def __init__(
        self, visible: Sequence[str], gpus_per_trial: float, trials_per_gpu: int, gpu_indices: Sequence[int] | None
    ):
        self._wanted = gpus_per_trial
        self._shares = _count_shares(gpus_per_trial, trials_per_gpu)
        if gpu_indices is None:
            gpu_indices = range(len(visible)) if gpus_per_trial else ()
        self._free = dict.fromkeys(_choose(visible, gpu_indices), self._shares)
        self._per_trial = max(1, int(gpus_per_trial)) if gpus_per_trial else 0

    @property
    def counts(self) -> bool:
        """Whether trials have GPUs of their own, or shares of them, rather than all the same ones or none."""
        return bool(self._per_trial)

    def check(self, slots: int) -> None:
        """Make sure that so many trials can run at a time.

        Raises:
            ConfigError: They cannot, for want of GPUs.
        """
        if not self._per_trial:
            return
        count = len(self._free)
        room = count * self._shares // self._per_trial if count >= self._per_trial else 0
        if slots > room:
            needed = max(self._per_trial, -(-slots * self._per_trial // self._shares))
            shared = f" ({self._shares} trials on each)" if self._shares > 1 else ""
            raise ConfigError(
                f"{slots} trials at a time with {_say_gpus(self._wanted)} each need {needed} GPUs{shared}, "
                f"and there are {count}",
                why=f"{VISIBLE} and gpu_indices say which GPUs there are to use",
                fix="lower the trial concurrency or the GPUs per trial, let more trials share a GPU, "
                "or make more GPUs visible",
            )

    def take(self) -> str | None:
        """The value of ``CUDA_VISIBLE_DEVICES`` for one more trial; None while there are too few free shares.

        The least used GPUs are taken, so that trials spread out before they share.
        """
        if not self._per_trial:
            return ",".join(self._free)
        order = {name: place for place, name in enumerate(self._free)}
        chosen = sorted(self._free, key=lambda name: (-self._free[name], order[name]))[: self._per_trial]
        if len(chosen) < self._per_trial or any(self._free[name] < 1 for name in chosen):
            return None
        for name in chosen:
            self._free[name] -= 1
        return ",".join(sorted(chosen, key=order.__getitem__))

    def give_back(self, devices: str) -> None:
        """Let go of what `take` gave."""
        if self._per_trial:
            for name in devices.split(","):
                self._free[name] += 1


def _count_shares(gpus_per_trial: float, trials_per_gpu: int) -> int:
    if trials_per_gpu < 1:
        raise ConfigError(f"trials_per_gpu is {trials_per_gpu}", fix="choose 1 or more")
    if gpus_per_trial < 0:
        raise ConfigError(f"gpus_per_trial is {gpus_per_trial:g}", fix="choose 0 or more")
    if not 0 < gpus_per_trial < 1:
        if gpus_per_trial != int(gpus_per_trial):
            raise ConfigError(
                f"gpus_per_trial is {gpus_per_trial:g}, which is neither whole nor a fraction of one GPU",
                fix="choose a whole number, or one between 0 and 1",
            )
        return trials_per_gpu
    shares = int(1 / gpus_per_trial + 1e-9)
    if trials_per_gpu not in (1, shares):
        raise ConfigError(
            f"gpus_per_trial is {gpus_per_trial:g}, so {shares} trials fit on a GPU, and trials_per_gpu is "
            f"{trials_per_gpu}",
            fix="set one of the two: gpus_per_trial=1 with trials_per_gpu, or the fraction alone",
        )
    return shares


def _say_gpus(wanted: float) -> str:
    return f"{wanted:g} GPU" if wanted <= 1 else f"{wanted:g} GPUs"


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
