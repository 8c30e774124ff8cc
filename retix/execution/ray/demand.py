"""What a trial takes of a cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retix.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Demand:
    """The resources that a trial takes on its node while its slot exists.

    Attributes:
        cpus: CPUs.
        gpus: GPUs; a fraction shares one GPU among trials.
        memory: Bytes of memory to reserve, or None.
        custom: The cluster's own resources by name.
    """

    cpus: float
    gpus: float = 0.0
    memory: float | None = None
    custom: Mapping[str, float] = field(default_factory=dict)

    @property
    def devices(self) -> int:
        """How many GPUs the trial sees."""
        return math.ceil(self.gpus)

    def to_options(self) -> dict[str, Any]:
        """As Ray's actors take it."""
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": dict(self.custom)}
        return options if self.memory is None else {**options, "memory": self.memory}

    def to_resources(self) -> dict[str, float]:
        """By Ray's names, what is 0 left out."""
        memory = 0.0 if self.memory is None else self.memory
        named = {"CPU": self.cpus, "GPU": self.gpus, "memory": memory, **self.custom}
        return {name: amount for name, amount in named.items() if amount}


def read_demand(
    resources: Mapping[str, float] | None, gpus_per_trial: float, trials_per_gpu: int, threads: int
) -> Demand:
    """The demand that a user's settings ask for.

    Args:
        resources: Amounts by Ray's names: ``CPU`` (else ``threads``), ``memory`` in bytes, custom ones.
        gpus_per_trial: GPUs of each trial; a fraction below 1 shares a GPU.
        trials_per_gpu: How many trials share each GPU.
        threads: The CPU threads of each trial.

    Raises:
        ConfigError: A number has no meaning.
    """
    named = dict(resources or {})
    for name, amount in named.items():
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 <= amount < math.inf:
            raise ConfigError(f"resources[{name!r}] is {amount!r}", fix="give a number that is 0 or more")
    if "GPU" in named:
        raise ConfigError("resources has an entry 'GPU'", fix="say how many GPUs a trial takes by gpus_per_trial")
    cpus, memory = named.pop("CPU", float(threads)), named.pop("memory", None)
    return Demand(float(cpus), _share(gpus_per_trial, trials_per_gpu), memory, named)


def _share(gpus_per_trial: float, trials_per_gpu: int) -> float:
    if trials_per_gpu < 1 or not 0 <= gpus_per_trial < math.inf:
        name, value = ("trials_per_gpu", trials_per_gpu) if trials_per_gpu < 1 else ("gpus_per_trial", gpus_per_trial)
        raise ConfigError(f"{name} is {value}", fix="choose 1 or more trials per GPU, and 0 or more GPUs per trial")
    if trials_per_gpu > 1 and gpus_per_trial > 1:
        raise ConfigError(
            f"{gpus_per_trial:g} GPUs per trial and {trials_per_gpu} trials per GPU do not go together on Ray",
            why="Ray shares out parts of one GPU, or whole GPUs",
            fix="let trials with several GPUs have them to themselves: trials_per_gpu=1",
        )
    if gpus_per_trial > 1 and gpus_per_trial % 1:
        raise ConfigError(f"gpus_per_trial is {gpus_per_trial:g}", fix="choose a whole number, or a part of one GPU")
    return min(gpus_per_trial, 1.0) / trials_per_gpu if gpus_per_trial <= 1 else float(gpus_per_trial)
