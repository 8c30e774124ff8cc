"""A search, checked and ready to begin."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from retix.experiment.adapting import adapt_strategy
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.objectives import aim_rule, check_unlimited, choose_objectives, find_measured, limit_space
from retix.experiment.record.earlier import Earlier
from retix.experiment.record.recording import MEASURED_FILE, describe_search, describe_space
from retix.experiment.search.failure_policy import FailurePolicy
from retix.experiment.search.limits import Limits
from retix.experiment.search.listener import Listener
from retix.experiment.sending import EvaluatorSender
from retix.model_space import ModelSpace
from retix.objective import Objectives
from retix.stopping import EarlyStopping
from retix.store import OptimizeMode
from retix.strategy import BaseStrategy, Strategy
from retix.trial import FailureKind
from retix.weights import WeightStore

# Words of NNI's that Python's logging does not know.
_LOG_LEVELS = {"trace": "DEBUG", "fatal": "CRITICAL"}

_ON_A_CLUSTER = FailurePolicy(retries=2)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search consists of. Made by `make_plan`, which has tried out all that can be.

    Attributes:
        space: The space.
        strategy: Proposes; started.
        listeners: Who has to hear of trials for the strategy's sake.
        evaluator: Gives the serialised evaluator of a sample.
        config: The settings.
        mode: Whether a higher or a lower metric is better.
        record: The settings as the store keeps them.
        files: What is written into a new experiment, by name.
        objectives: What the search is after, with its limits.
        stopping: Decides by intermediate results which trials go on; aimed. None lets each come to its end.
        measured: What is measured of each model before it is trained, by name.
    """

    space: ModelSpace
    strategy: Strategy
    listeners: tuple[Listener, ...]
    evaluator: EvaluatorSender
    config: RetiariiExeConfig
    mode: OptimizeMode
    record: Mapping[str, Any]
    files: Mapping[str, bytes]
    objectives: Objectives = field(default_factory=Objectives)
    stopping: EarlyStopping | None = None
    measured: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """What the search may spend, and what is done about failures."""
        config = self.config
        return Limits(
            trials=config.max_trial_number,
            duration=config.max_experiment_duration,
            trial_duration=config.max_trial_duration,
            trial_memory=config.max_trial_memory,
            trial_log=config.max_trial_log,
            retries=config.max_retries,
            policies=_choose_policies(config),
            deterministic=config.deterministic,
        )


def make_plan(
    space: ModelSpace,
    strategy: Strategy | BaseStrategy,
    config: RetiariiExeConfig,
    mode: OptimizeMode,
    earlier: Earlier | None,
) -> Plan:
    """Check a search by making its first model, and start its strategy.

    Args:
        space: The space, with its evaluator.
        strategy: The strategy, as the user gave it.
        config: The settings.
        mode: Whether a higher or a lower metric is better.
        earlier: What is gone on with, if anything.

    Raises:
        ConfigError: It is not what ``earlier`` says, or the strategy searches another space already.
        RecipeError: The evaluator cannot be sent to workers.
        MutationError: A mutator failed.
        GenerationError: The first model of the space cannot be written as source.
        StoreError: Weights cannot be kept where they are to be.
        SpaceError: No model of the space keeps the limits.
    """
    if earlier is not None:
        earlier.check(space, strategy, mode)
        # What a clock measured then has to be what the strategy sees again.
        space.keep_measurements(earlier.reader.file(MEASURED_FILE))
    if config.weights_url is not None:
        WeightStore(config.weights_url).check()
    evaluator = EvaluatorSender(space)
    first = space.complete({})
    space.source(first)
    evaluator(first)
    files = {} if earlier is not None else {**describe_space(space), **describe_search(space, strategy)}
    objectives = choose_objectives(config.objectives, config.limits, mode)
    measured = find_measured(space, objectives)
    adapted, listeners = adapt_strategy(strategy, config)
    limited = limit_space(space, objectives, measured)
    if not isinstance(strategy, Strategy):
        check_unlimited(strategy, space, limited)
        # A strategy of NNI's kind sees one number of each model.
        adapted.aim(Objectives([objectives.primary]))
    else:
        adapted.aim(objectives)
    adapted.start(limited)
    record = {**config.to_json(), "strategy": type(strategy).__name__, "seed": getattr(strategy, "seed", None)}
    stopping = aim_rule(config.early_stopping, objectives)
    return Plan(space, adapted, listeners, evaluator, config, mode, record, files, objectives, stopping, measured)


def _choose_policies(config: RetiariiExeConfig) -> Mapping[FailureKind, FailurePolicy]:
    """What the user says, and more patience with workers on a cluster, where nodes come and go."""
    is_local = config.training_service_platform == "local"
    return config.on_failure if is_local else {FailureKind.WORKER_LOST: _ON_A_CLUSTER, **config.on_failure}


def list_versions() -> dict[str, str]:
    """The versions that a search runs with, by name."""
    return {
        "python": platform.python_version(),
        "retix": importlib.metadata.version("retix"),
        "torch": torch.__version__,
    }


def set_log_level(config: RetiariiExeConfig) -> None:
    """Let retix's own logger say as much as the config wants; it is left alone if the config says nothing."""
    if config.log_level is not None:
        logging.getLogger("retix").setLevel(_LOG_LEVELS.get(config.log_level, config.log_level.upper()))
