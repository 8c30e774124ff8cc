"""An experiment: a model space, an evaluator and a strategy, run to its end."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import torch

from retix.codegen import generate
from retix.converter import convert
from retix.dashboard import check_port
from retix.dashboard import start as start_page
from retix.errors import ConfigError
from retix.evaluator import Evaluator
from retix.execution import LocalEngine, building
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.progress import Progress
from retix.experiment.search import EndReason, Limits, Search
from retix.experiment.weight_keeper import WeightKeeper
from retix.mutation import MutationSpace, Mutator
from retix.recipe import dumps
from retix.store import ExperimentState, OptimizeMode, Store, StoreReader
from retix.strategy import Random, Strategy
from retix.trial import Trial

MODEL_FILE = "model.json"
SOURCE_FILE = "model.py"

_STATES = {EndReason.STOPPED: ExperimentState.STOPPED}


class RetiariiExperiment:
    """A search over the models that a base model and its choices span.

    ::

        exp = RetiariiExperiment(Net(), evaluator, [], RegularizedEvolution())
        exp.run(RetiariiExeConfig("local", max_trial_number=50, trial_concurrency=2))
        print(exp.export_top_models(formatter="code")[0])

    Args:
        base_model: The model, with choices in it; an instance.
        evaluator: Trains and scores each model.
        applied_mutators: Own mutators, applied in order behind the choices in the model.
        strategy: Decides what is tried; random search by default.
        trainer: NNI's older name for ``evaluator``.
        example_inputs: What the model is traced with: a tensor, or a tuple of arguments. By default the evaluator's
            first batch; where there is neither, the model is scripted.

    Raises:
        ConfigError: An argument is missing or of the wrong kind.
    """

    def __init__(
        self,
        base_model: torch.nn.Module,
        evaluator: Evaluator | None = None,
        applied_mutators: Sequence[Mutator] | None = None,
        strategy: Strategy | None = None,
        trainer: Evaluator | None = None,
        *,
        example_inputs: Any = None,
    ) -> None:
        self._base_model = base_model
        self._evaluator = _check_evaluator(evaluator if evaluator is not None else trainer)
        self._mutators = _check_mutators(applied_mutators or ())
        self._strategy = _check_strategy(strategy if strategy is not None else Random())
        self._example_inputs = example_inputs
        self._space: MutationSpace | None = None
        self._reader: StoreReader | None = None
        self._stop = threading.Event()

    @property
    def id(self) -> str:
        """The experiment's id, by which `retix show` and the others know it.

        Raises:
            ConfigError: It has not run yet.
        """
        return self._store().directory.name

    @property
    def space(self) -> MutationSpace:
        """The space that is searched; captures the base model when first asked for.

        Raises:
            ConversionError: The base model cannot be captured.
            SpaceError: Its choices contradict each other.
        """
        if self._space is None:
            inputs = self._example_inputs
            if inputs is None:
                inputs = self._evaluator.example_inputs()
            self._space = MutationSpace(convert(self._base_model, inputs), self._mutators)
        return self._space

    def local_debug_run(self, sample: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Build one model and evaluate it in this process; what it raises comes through with the generated lines.

        Args:
            sample: The answers to the choices; by default, and where some are left out, the first answer of each.

        Returns:
            The final metrics by name.
        """
        space = self.space
        source = generate(space.build(space.complete(sample or {})))
        with tempfile.TemporaryDirectory(prefix="retix-") as directory:
            path = Path(directory) / SOURCE_FILE
            with building(source.text, source.entry, path, "retix_debug_model") as model_class:
                return self._evaluator._execute(model_class)

    def run(self, config: RetiariiExeConfig | None = None, port: int | None = None, debug: bool = False) -> None:
        """Search until the budget is spent; returns when the last trial has ended.

        Everything that can be checked is checked before the first trial. Ctrl-C stops the search: what runs is
        recorded as stopped, no process stays behind, and the interrupt is raised again.

        Args:
            config: The settings.
            port: Where to show a page on 127.0.0.1 while the search runs; None for no page.
            debug: Kept for scripts written for NNI; it changes nothing.

        Raises:
            ConfigError: The experiment has run already, the port cannot be used, or there are too few GPUs.
            RecipeError: The evaluator cannot be sent to workers.
            ConversionError: The base model cannot be captured.
            SpaceError: Choices contradict each other.
        """
        config = config if config is not None else RetiariiExeConfig()
        if self._reader is not None:
            raise ConfigError(f"experiment {self.id} has run already", fix="make a new RetiariiExperiment")
        if port is not None:
            check_port(port)
        evaluator = dumps(self._evaluator)
        space = self.space
        space.complete({})
        mode = _optimize_mode(config, self._strategy, self._evaluator)
        with ExitStack() as stack:
            engine = stack.enter_context(
                LocalEngine(
                    config.trial_concurrency,
                    gpus_per_trial=config.trial_gpu_number or 0,
                    gpu_indices=config.training_service.gpu_indices,
                    threads=config.trial_threads,
                )
            )
            store = stack.enter_context(self._create_store(config, mode))
            self._reader = StoreReader(store.directory)
            if port is not None:
                page = stack.enter_context(start_page(store.directory, port))
                print(f"page: {page.url}")
            progress = stack.enter_context(Progress(config.max_trial_number, mode == "maximize"))
            self._strategy.start(space)
            limits = Limits(config.max_trial_number, config.max_experiment_duration, config.max_trial_duration)
            weights = WeightKeeper(config.keep_weights, mode == "maximize", store.trial_directory)
            search = Search(space, self._strategy, engine, store, evaluator, limits, weights, progress)
            state = ExperimentState.FAILED
            try:
                reason = search.run(self._stop.is_set)
                state = _STATES.get(reason, ExperimentState.DONE)
            except KeyboardInterrupt:
                state = ExperimentState.STOPPED
                raise
            finally:
                store.set_state(state)
        print(f"experiment {self.id} ended: {reason}; {progress.summary()}")

    def stop(self) -> None:
        """Let a running search end soon: running trials are stopped. May be called from any thread."""
        self._stop.set()

    def trials(self) -> list[Trial]:
        """Every trial so far, in the order of proposals.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        reader = self._store()
        return reader.trials(0, sum(reader.counts().values()))

    def export_top_models(
        self, top_k: int = 1, optimize_mode: OptimizeMode | None = None, formatter: Literal["code", "dict"] = "dict"
    ) -> list[Any]:
        """The best models found so far, best first.

        Args:
            top_k: How many.
            optimize_mode: Whether a higher or a lower metric is better; by default as in the search.
            formatter: ``code`` for the source of each model, ``dict`` for its choices, label to answer.

        Raises:
            ConfigError: The experiment has not run yet, or an argument has another value.
        """
        if formatter not in ("code", "dict"):
            raise ConfigError(f"there is no formatter {formatter!r}", fix="use 'code' or 'dict'")
        return [
            self._read_source(trial) if formatter == "code" else trial.sample.to_json()
            for trial in self.top_trials(top_k, optimize_mode)
        ]

    def top_trials(self, top_k: int = 1, optimize_mode: OptimizeMode | None = None) -> list[Trial]:
        """The best trials so far, best first; those that ran, not their duplicates.

        Raises:
            ConfigError: The experiment has not run yet, or the mode is neither of the two.
        """
        reader = self._store()
        if optimize_mode not in (None, "maximize", "minimize"):
            raise ConfigError(f"there is no optimize_mode {optimize_mode!r}", fix="use 'maximize' or 'minimize'")
        if optimize_mode in (None, reader.info().optimize_mode):
            return reader.best(top_k)
        scored = [t for t in self.trials() if t.metric is not None and t.duplicate_of is None]
        return sorted(scored, key=lambda t: t.metric or 0.0, reverse=optimize_mode == "maximize")[:top_k]

    def directory(self, trial: Trial | None = None) -> Path:
        """The directory of the experiment, or of one of its trials.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        reader = self._store()
        return reader.directory if trial is None else reader.trial_directory(trial.id)

    def _read_source(self, trial: Trial) -> str:
        return (self.directory(trial) / SOURCE_FILE).read_text(encoding="utf-8")

    def _store(self) -> StoreReader:
        if self._reader is None:
            raise ConfigError("the experiment has not run yet", fix="call run(config) first")
        return self._reader

    def _create_store(self, config: RetiariiExeConfig, mode: OptimizeMode) -> Store:
        store = Store.create(
            config.root,
            name=config.experiment_name or type(self._base_model).__name__,
            optimize_mode=mode,
            config={**config.to_json(), "strategy": type(self._strategy).__name__, "seed": self._strategy.seed},
            versions={
                "python": platform.python_version(),
                "retix": importlib.metadata.version("retix"),
                "torch": torch.__version__,
            },
        )
        store.write_file(MODEL_FILE, json.dumps(self.space.base_model.to_json()).encode())
        return store


def _check_evaluator(evaluator: Any) -> Evaluator:
    if isinstance(evaluator, Evaluator):
        return evaluator
    raise ConfigError(
        "the experiment has no evaluator" if evaluator is None else f"the evaluator is a {type(evaluator).__name__}",
        fix="pass an Evaluator: pl.Classification(...), pl.Lightning(...), or FunctionalEvaluator(function)",
    )


def _check_mutators(mutators: Sequence[Mutator]) -> tuple[Mutator, ...]:
    for mutator in mutators:
        if not isinstance(mutator, Mutator):
            raise ConfigError(
                f"{mutator!r} among the applied mutators is no Mutator",
                fix="pass instances of subclasses of retix.Mutator",
            )
    labels = [mutator.label for mutator in mutators]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"two mutators have the label {twice!r}",
            why="their choices would be one and the same",
            fix="give each its own: MyMutator(label=...)",
        )
    return tuple(mutators)


def _check_strategy(strategy: Any) -> Strategy:
    if isinstance(strategy, Strategy):
        return strategy
    raise ConfigError(
        f"the strategy is {strategy!r}", fix="pass an instance of a strategy, such as retix.strategy.Random()"
    )


def _optimize_mode(config: RetiariiExeConfig, strategy: Strategy, evaluator: Evaluator) -> OptimizeMode:
    """What the settings, the strategy or the evaluator say, or ``maximize``.

    Raises:
        ConfigError: They say different things.
    """
    said: dict[str, OptimizeMode | None] = {
        "the settings": config.optimize_mode,
        type(strategy).__name__: getattr(strategy, "optimize_mode", None),
        type(evaluator).__name__: evaluator.optimize_mode,
    }
    modes = {who: mode for who, mode in said.items() if mode is not None}
    if len(set(modes.values())) > 1:
        raise ConfigError(
            "the search would go the wrong way: " + ", ".join(f"{who} says {mode!r}" for who, mode in modes.items()),
            fix="let all say the same, such as RegularizedEvolution(optimize_mode='minimize') for Regression",
        )
    return next(iter(modes.values()), "maximize")
