"""The settings of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SkipValidation,
    ValidationError,
    ValidationInfo,
)

from retix.errors import ConfigError
from retix.experiment.engine_config import ExecutionEngineConfig, read_engine

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_duration(value: Any) -> Any:
    """Seconds of ``90``, ``'90s'``, ``'30m'``, ``'1.5h'`` or ``'2d'``; anything else comes back as it is."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


Duration = Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)], BeforeValidator(read_duration)]
Positive = Annotated[int, Field(gt=0, strict=True)]
LogLevel = Annotated[
    Literal["trace", "debug", "info", "warning", "error", "fatal"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]
Engine = Annotated[
    SkipValidation[ExecutionEngineConfig],
    BeforeValidator(read_engine),
    PlainSerializer(ExecutionEngineConfig.to_json),
]

_IN_THE_MODEL = "the space is what the model's choices, the mutators and the evaluator's choices span: leave it out"
_STRATEGY = "give a strategy to the experiment: RetiariiExperiment(model, evaluator, mutators, strategy)"


class _Settings(BaseModel):
    """Settings that are checked on the line that assigns them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, arbitrary_types_allowed=True)

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


def _only(*allowed: Any, fix: str) -> Any:
    """A setting of NNI's that may be given as long as it asks for nothing that is not here."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if not any(value is one or (type(value) is type(one) and value == one) for one in allowed):
            raise ConfigError(f"{info.field_name} = {value!r}: retix has no use for this setting", fix=fix)
        return value

    return BeforeValidator(check)


def read_indices(value: Any) -> Any:
    """``[0, 1]`` of ``'0,1'`` or ``0``; anything else comes back as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", value):
        return [int(part) for part in value.split(",")]
    return value


def _check_platform(value: Any) -> Any:
    name = "local" if value is None else value
    if name != "local":
        raise ConfigError(
            f"training_service_platform = {value!r}: trials run on this machine only",
            why="remote machines and clusters are not built yet" if name in _PLATFORMS else None,
            fix="use 'local'",
        )
    return name


_PLATFORMS = ("remote", "openpai", "aml", "dlc", "kubeflow", "frameworkcontroller", "adl", "hybrid")
_RESERVED = "retix writes the command of a trial itself: leave it out"

Platform = Annotated[Literal["local"], BeforeValidator(_check_platform)]
Ignored = Annotated[Any, Field(exclude=True)]


class TrainingService(_Settings):
    """Where trials run.

    Attributes:
        platform: ``local``: worker processes on this machine.
        gpu_indices: The GPUs to use, counted among those that ``CUDA_VISIBLE_DEVICES`` leaves visible: ``[0, 1]``,
            ``'0,1'`` or ``0``.
        use_active_gpu: Kept for scripts written for NNI; retix assigns GPUs whether or not others use them.

    The others are NNI's: ``reuse_mode``, ``debug`` and ``trial_code_directory`` may be set and change nothing (workers
    are used again anyway, and start where the script does), what else NNI has there may be set to its default.
    """

    platform: Platform = "local"
    gpu_indices: Annotated[list[int] | None, BeforeValidator(read_indices)] = None
    use_active_gpu: bool | None = None
    reuse_mode: Ignored = False
    debug: Ignored = False
    trial_code_directory: Ignored = "."
    max_trial_number_per_gpu: Annotated[
        Any, _only(1, None, fix="a trial has its GPUs to itself: leave it at 1"), Field(exclude=True)
    ] = 1
    trial_command: Annotated[Any, _only("_reserved", None, "", fix=_RESERVED), Field(exclude=True)] = None
    trial_gpu_number: Annotated[
        Any, _only(None, fix="set trial_gpu_number on the RetiariiExeConfig itself"), Field(exclude=True)
    ] = None
    nni_manager_ip: Annotated[Any, _only(None, fix="no server is started: leave it out"), Field(exclude=True)] = None


class RetiariiExeConfig(_Settings):
    """The settings of an experiment; every assignment is checked at once.

    Durations are seconds, or strings such as ``'90s'``, ``'30m'``, ``'1.5h'`` and ``'2d'``.

    Attributes:
        training_service_platform: Where trials run: ``local``, in worker processes on this machine.
        execution_engine: How models are built: ``auto``, ``base`` or ``py``; see `ExecutionEngineConfig`.
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
        training_service: More about where trials run.
        log_level: How much retix's own logger says: ``debug``, ``info``, ``warning``, ``error``; None leaves it alone.

    The others are NNI's: ``debug`` and ``trial_code_directory`` may be set and change nothing; ``search_space``,
    ``search_space_file``, ``tuner``, ``assessor``, ``advisor``, ``use_annotation``, ``tuner_gpu_indices``,
    ``shared_storage``, ``nni_manager_ip``, ``trial_command`` and ``experiment_type`` may be set to NNI's defaults.

    Raises:
        ConfigError: A setting does not exist, or a value makes no sense.
    """

    training_service_platform: Platform = "local"
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
    execution_engine: Engine = Field(default_factory=ExecutionEngineConfig)
    training_service: TrainingService = Field(default_factory=TrainingService)
    log_level: LogLevel | None = None
    debug: Ignored = False
    trial_code_directory: Ignored = "."
    experiment_type: Annotated[Any, _only("nas", None, fix="leave it at 'nas'"), Field(exclude=True)] = "nas"
    search_space: Annotated[Any, _only("", None, fix=_IN_THE_MODEL), Field(exclude=True)] = ""
    search_space_file: Annotated[Any, _only(None, fix=_IN_THE_MODEL), Field(exclude=True)] = None
    trial_command: Annotated[Any, _only("_reserved", None, fix=_RESERVED), Field(exclude=True)] = "_reserved"
    use_annotation: Annotated[Any, _only(False, None, fix=_IN_THE_MODEL), Field(exclude=True)] = False
    tuner: Annotated[Any, _only(None, fix=_STRATEGY), Field(exclude=True)] = None
    assessor: Annotated[Any, _only(None, fix=_STRATEGY), Field(exclude=True)] = None
    advisor: Annotated[Any, _only(None, fix=_STRATEGY), Field(exclude=True)] = None
    tuner_gpu_indices: Annotated[Any, _only(None, fix="strategies use no GPU: leave it out"), Field(exclude=True)] = (
        None
    )
    shared_storage: Annotated[
        Any, _only(None, fix="set experiment_working_directory to a directory that is shared"), Field(exclude=True)
    ] = None
    nni_manager_ip: Annotated[Any, _only(None, fix="no server is started: leave it out"), Field(exclude=True)] = None

    def __init__(
        self, training_service_platform: str | None = "local", execution_engine: Any = "auto", **values: Any
    ) -> None:
        super().__init__(
            training_service_platform=training_service_platform, execution_engine=execution_engine, **values
        )

    @property
    def root(self) -> Path:
        """The root that holds the experiments, absolute."""
        return self.experiment_working_directory.expanduser().absolute()

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values; durations in seconds."""
        return self.model_dump(mode="json")
