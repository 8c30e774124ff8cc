"""The settings of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    SkipValidation,
    ValidationInfo,
    field_validator,
)

from retix.errors import ConfigError
from retix.experiment.engine_config import ExecutionEngineConfig, read_engine
from retix.experiment.objectives import describe_record, read_limits, read_objectives
from retix.experiment.search.failure_policy import FailurePolicy, read_policies
from retix.experiment.settings import Duration, Ignored, NotNegative, Positive, Settings, Size, only
from retix.experiment.training_service import AnyService, Platform, RayService, TrainingService, read_service
from retix.objective import Limit, Objective
from retix.stopping import EarlyStopping, read_rule
from retix.trial import FailureKind

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
_RESERVED = "retix writes the command of a trial itself: leave it out"
_RULE = "set early_stopping instead: retix.stopping.MedianStopping(), ASHA(max_steps=...), or another rule"
_STRATEGY = "give a strategy to the experiment: RetiariiExperiment(model, evaluator, mutators, strategy)"


def _read_policies(value: Any) -> Any:
    return read_policies(value) if isinstance(value, Mapping) else value


def _write_policies(policies: Mapping[FailureKind, FailurePolicy]) -> dict[str, Any]:
    return {str(kind): policy.to_json() for kind, policy in policies.items()}


Policies = Annotated[
    dict[FailureKind, InstanceOf[FailurePolicy]], BeforeValidator(_read_policies), PlainSerializer(_write_policies)
]


def _write_records(records: tuple[Limit | Objective, ...]) -> list[dict[str, Any]]:
    return [describe_record(record) for record in records]


def _read_objectives(value: Any, info: ValidationInfo) -> tuple[Objective, ...]:
    return read_objectives(value, info.data.get("optimize_mode"))


AllObjectives = Annotated[
    tuple[InstanceOf[Objective], ...], BeforeValidator(_read_objectives), PlainSerializer(_write_records)
]
AllLimits = Annotated[tuple[InstanceOf[Limit], ...], BeforeValidator(read_limits), PlainSerializer(_write_records)]


def _read_rule(value: Any) -> Any:
    if isinstance(value, Mapping):
        return read_rule(value)
    if value is None or isinstance(value, EarlyStopping):
        return value
    raise ConfigError(
        f"early_stopping = {value!r} is no rule",
        fix="give one: ASHA(max_steps=27), Hyperband(max_steps=27), MedianStopping() or Patience(5)",
    )


def _write_rule(rule: EarlyStopping | None) -> dict[str, Any] | None:
    """The rule, or why it cannot be written down: the search runs all the same."""
    try:
        return None if rule is None else rule.to_json()
    except ConfigError as error:
        return {"rule": type(rule).__qualname__, "problem": error.what}


Rule = Annotated[SkipValidation[EarlyStopping | None], BeforeValidator(_read_rule), PlainSerializer(_write_rule)]


def _check_share(value: float | None) -> float | None:
    """A number of GPUs: a whole one, or a share of one."""
    if value is None or value == int(value) or value < 1:
        return value
    raise ConfigError(
        f"trial_gpu_number = {value}: a trial has whole GPUs, or a share of one",
        fix="use a whole number, or less than 1: 0.5 lets two trials share a GPU",
    )


class RetiariiExeConfig(Settings):
    """The settings of an experiment; every assignment is checked at once.

    Durations are seconds, or strings such as ``'90s'``, ``'30m'``, ``'1.5h'`` and ``'2d'``; sizes are bytes, or strings
    such as ``'500MB'``, ``'2GB'`` and ``'4GiB'``.

    Attributes:
        training_service_platform: Where trials run: ``local``, in worker processes on this machine, or ``ray``, on a
            cluster of Ray's.
        execution_engine: How models are built: ``auto``, ``base`` or ``py``; see `ExecutionEngineConfig`.
        experiment_name: What `retix list` and the page call the experiment.
        experiment_working_directory: The root that holds the experiments, each in a directory of its own.
        trial_concurrency: How many trials run at a time.
        trial_gpu_number: How many GPUs each trial has to itself; 0 or None for none. Less than 1 is a share: with 0.5,
            two trials share a GPU.
        trial_threads: How many CPU threads each trial may use.
        max_trial_number: How many trials are run, failed ones included, duplicates not; None for no limit.
        max_experiment_duration: How long the search may take; what runs then is stopped. None for no limit.
        max_trial_duration: How long one trial may take before it fails; None for no limit.
        max_trial_memory: How much memory a trial, with all processes that it starts, may take before it fails; None for
            no limit.
        max_trial_log: How much of what a trial prints is kept, of each of its two streams; beyond it the middle is left
            out. None keeps all.
        max_retries: How often a trial is run again whose worker process died or was lost, before it fails.
        on_failure: What is done about failures, by their kind: ``{'timeout': 'penalise:0.0', 'raised': 'stop:5'}``; see
            `FailurePolicy`.
        isolation: ``warm``: a worker process runs trial after trial. ``fresh``: each trial has a process of its own,
            for code that leaks state.
        recycle_after: After how many trials a warm worker is replaced; None for never.
        frozen_after: How long a worker may give no sign of life before its trial counts as lost.
        deterministic: Whether what is proposed depends on the seed alone, whatever ends first. Slots may then stand
            idle, as the strategy waits for trials in the order in which it proposed them.
        optimize_mode: Whether a higher or a lower metric is better; by default what the strategy says, or ``maximize``.
        objectives: What the search is after, if that is more than ``default``: ``{'default': 'maximize', 'parameters':
            'minimize'}``, texts such as ``'minimize parameters'``, or `Objective`s, which may have bounds. Each names a
            metric that the evaluator reports, or something that is known of a model without training (see
            `ModelSpace.measure`); ``default`` has to be among them.
        limits: What every model has to keep: texts such as ``'parameters <= 1e6'``, or `Limit`s. A model that breaks
            one which training is not needed for is never trained; others are worse than all that keep their limits.
        early_stopping: A rule that ends or pauses trials by their intermediate results: `ASHA`, `Hyperband`,
            `MedianStopping`, `Patience`, or an `EarlyStopping` of one's own. None lets each trial come to its end. A
            search that is resumed keeps the kind of its rule, whose arguments may be others.
        keep_weights: Of how many of the best trials the weights are kept; others' are deleted as the search goes on.
        weights_url: Where weights are kept: a directory that workers can write to, or a URL of fsspec's, such as
            ``s3://bucket/search``; None for the experiment's directory.
        training_service: More about where trials run: `TrainingService`, or `RayService` on a cluster.
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
    trial_gpu_number: Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_check_share)] | None = None
    trial_threads: Positive = 1
    max_trial_number: Positive | None = None
    max_experiment_duration: Duration | None = None
    max_trial_duration: Duration | None = None
    max_trial_memory: Size | None = None
    max_trial_log: Size | None = 100_000_000
    max_retries: NotNegative = 0
    on_failure: Policies = Field(default_factory=dict)
    isolation: Literal["warm", "fresh"] = "warm"
    recycle_after: Positive | None = None
    frozen_after: Duration = 60.0
    deterministic: bool = False
    optimize_mode: Literal["maximize", "minimize"] | None = None
    objectives: AllObjectives = ()
    limits: AllLimits = ()
    early_stopping: Rule = None
    keep_weights: NotNegative = 10
    weights_url: str | None = None
    execution_engine: Engine = Field(default_factory=ExecutionEngineConfig)
    training_service: Annotated[AnyService, BeforeValidator(read_service)] = Field(default_factory=TrainingService)
    log_level: LogLevel | None = None
    debug: Ignored = False
    trial_code_directory: Ignored = "."
    experiment_type: Annotated[Any, only("nas", None, fix="leave it at 'nas'"), Field(exclude=True)] = "nas"
    search_space: Annotated[Any, only("", None, fix=_IN_THE_MODEL), Field(exclude=True)] = ""
    search_space_file: Annotated[Any, only(None, fix=_IN_THE_MODEL), Field(exclude=True)] = None
    trial_command: Annotated[Any, only("_reserved", None, fix=_RESERVED), Field(exclude=True)] = "_reserved"
    use_annotation: Annotated[Any, only(False, None, fix=_IN_THE_MODEL), Field(exclude=True)] = False
    tuner: Annotated[Any, only(None, fix=_STRATEGY), Field(exclude=True)] = None
    assessor: Annotated[Any, only(None, fix=_RULE), Field(exclude=True)] = None
    advisor: Annotated[Any, only(None, fix=_STRATEGY), Field(exclude=True)] = None
    tuner_gpu_indices: Annotated[Any, only(None, fix="strategies use no GPU: leave it out"), Field(exclude=True)] = None
    shared_storage: Annotated[
        Any, only(None, fix="set experiment_working_directory to a directory that is shared"), Field(exclude=True)
    ] = None
    nni_manager_ip: Annotated[Any, only(None, fix="no server is started: leave it out"), Field(exclude=True)] = None

    def __init__(
        self, training_service_platform: str | None = None, execution_engine: Any = "auto", **values: Any
    ) -> None:
        service = read_service(values.get("training_service"))
        if training_service_platform is None and isinstance(service, AnyService):
            training_service_platform = service.platform
        if service is None:
            service = RayService() if training_service_platform == "ray" else TrainingService()
        super().__init__(
            training_service_platform=training_service_platform,
            execution_engine=execution_engine,
            **{**values, "training_service": service},
        )

    @field_validator("training_service_platform", "training_service")
    @classmethod
    def _check_agreement(cls, value: Any, info: ValidationInfo) -> Any:
        """Platform and service name the same; of the two, the one that is set later is checked."""
        is_platform = info.field_name == "training_service_platform"
        service, platform = info.data.get("training_service"), info.data.get("training_service_platform")
        service, platform = (service, value) if is_platform else (value, platform)
        if service is not None and platform is not None and service.platform != platform:
            raise ConfigError(
                f"training_service_platform is {platform!r}, and the training_service is a {type(service).__name__}",
                fix=f"make another config: RetiariiExeConfig({(platform if is_platform else service.platform)!r})",
            )
        return value

    @property
    def root(self) -> Path:
        """The root that holds the experiments, absolute."""
        return self.experiment_working_directory.expanduser().absolute()
