"""The settings of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from retix.errors import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_duration(value: Any) -> Any:
    """Seconds of ``90``, ``'90s'``, ``'30m'``, ``'1.5h'`` or ``'2d'``; anything else comes back as it is."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


Duration = Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)], BeforeValidator(read_duration)]
Positive = Annotated[int, Field(gt=0, strict=True)]


class _Settings(BaseModel):
    """Settings that are checked on the line that assigns them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _explained(error, type(self)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise _explained(error, type(self)) from None
        except ValueError:  # pydantic's word for a field that does not exist
            raise ConfigError(f"there is no setting {name!r}", fix=_known(type(self))) from None


def _known(cls: type[BaseModel]) -> str:
    return f"use one of {', '.join(cls.model_fields)}"


def _explained(error: ValidationError, cls: type[BaseModel]) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] in ("extra_forbidden", "no_such_attribute"):
        return ConfigError(f"there is no setting {name!r}", fix=_known(cls))
    return ConfigError(f"{name} = {first['input']!r}: {first['msg'].lower()}", fix=_hint(name))


def _hint(name: str) -> str | None:
    if "duration" in name:
        return "give seconds, or a number with a unit: '90s', '30m', '1.5h', '2d'"
    return "use a whole number of at least 1" if "concurrency" in name or "max_trial_number" in name else None


class TrainingService(_Settings):
    """Where trials run.

    Attributes:
        platform: ``local``: worker processes on this machine.
        gpu_indices: The GPUs to use, counted among those that ``CUDA_VISIBLE_DEVICES`` leaves visible.
        use_active_gpu: Kept for scripts written for NNI; retix assigns GPUs whether or not others use them.
    """

    platform: Literal["local"] = "local"
    gpu_indices: list[int] | None = None
    use_active_gpu: bool | None = None


class RetiariiExeConfig(_Settings):
    """The settings of an experiment; every assignment is checked at once.

    Durations are seconds, or strings such as ``'90s'``, ``'30m'``, ``'1.5h'`` and ``'2d'``.

    Attributes:
        training_service_platform: Where trials run: ``local``, in worker processes on this machine.
        experiment_name: What `retix list` and the page call the experiment.
        experiment_working_directory: The root that holds the experiments, each in a directory of its own.
        trial_concurrency: How many trials run at a time.
        trial_gpu_number: How many GPUs each trial has to itself; 0 or None for none.
        trial_threads: How many CPU threads each trial may use.
        max_trial_number: How many trials are run, failed ones included, duplicates not; None for no limit.
        max_experiment_duration: How long the search may take; what runs then is stopped. None for no limit.
        max_trial_duration: How long one trial may take before it fails; None for no limit.
        max_retries: How often a trial whose worker process died is run again before it fails.
        optimize_mode: Whether a higher or a lower metric is better; by default what the strategy says, or ``maximize``.
        keep_weights: Of how many of the best trials the weights are kept; others' are deleted as the search goes on.
        execution_engine: How models are built: ``base``, from the graph. NNI's ``py`` means the same here for now.
        training_service: More about where trials run.

    Raises:
        ConfigError: A setting does not exist, or a value makes no sense.
    """

    training_service_platform: Literal["local"] = "local"
    experiment_name: str | None = None
    experiment_working_directory: Path = Path("~/retix-experiments")
    trial_concurrency: Positive = 1
    trial_gpu_number: Annotated[int, Field(ge=0, strict=True)] | None = None
    trial_threads: Positive = 1
    max_trial_number: Positive | None = None
    max_experiment_duration: Duration | None = None
    max_trial_duration: Duration | None = None
    max_retries: Annotated[int, Field(ge=0, strict=True)] = 0
    optimize_mode: Literal["maximize", "minimize"] | None = None
    keep_weights: Annotated[int, Field(ge=0, strict=True)] = 10
    execution_engine: Literal["base", "py"] = "base"
    training_service: TrainingService = Field(default_factory=TrainingService)

    def __init__(self, training_service_platform: str = "local", **values: Any) -> None:
        super().__init__(training_service_platform=training_service_platform, **values)

    @property
    def root(self) -> Path:
        """The root that holds the experiments, absolute."""
        return self.experiment_working_directory.expanduser().absolute()

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values; durations in seconds."""
        return self.model_dump(mode="json")
