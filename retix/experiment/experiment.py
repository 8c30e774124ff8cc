"""An experiment: a model space, an evaluator and a strategy, run to its end."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
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
from retix.experiment.arguments import check_evaluator, check_mutators, check_strategy, choose_mode
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.interrupt import deferred_interrupt
from retix.experiment.progress import Progress
from retix.experiment.search import EndReason, Limits, Search
from retix.experiment.weight_keeper import WeightKeeper
from retix.mutation import MutationSpace, Mutator
from retix.recipe import dumps
from retix.store import ExperimentState, OptimizeMode, Store, StoreReader
from retix.strategy import Random, Strategy
from retix.trial import Trial, TrialState

MODEL_FILE = "model.json"
SOURCE_FILE = "model.py"


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
        self._evaluator = check_evaluator(evaluator if evaluator is not None else trainer)
        self._mutators = check_mutators(applied_mutators or ())
        self._strategy = check_strategy(strategy if strategy is not None else Random())
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

        Raises:
            SpaceError: ``sample`` answers a choice wrongly, or one that the model does not have.
        """
        answers = dict(sample or {})
        # Completing leaves out what no choice asks for; building refuses it.
        source = generate(self.space.build({**self.space.complete(answers), **answers}))
        directory = Path(tempfile.mkdtemp(prefix="retix-debug-"))
        with building(source.text, source.entry, directory / SOURCE_FILE, "retix_debug_model") as factory:
            metrics = self._evaluator._execute(factory.model_class)
        # After an error the file stays: a traceback shows its lines only as long as it is there.
        shutil.rmtree(directory)
        return metrics

    def run(self, config: RetiariiExeConfig | None = None, port: int | None = None, debug: bool = False) -> None:
        """Search until the budget is spent; returns when the last trial has ended.

        Everything that can be checked is checked before the first trial. Ctrl-C stops the search: what runs is
        recorded as stopped, no process stays behind, and the interrupt is raised again.

        Args:
            config: The settings.
            port: Where to show a page on 127.0.0.1 while the search runs; None for no page.
            debug: Kept for scripts written for NNI; it changes nothing.

        Raises:
            ConfigError: The experiment has run already, the port cannot be used, there are too few GPUs, or it is not
                clear whether a higher or a lower metric is better.
            RecipeError: The evaluator cannot be sent to workers.
            ConversionError: The base model cannot be captured.
            SpaceError: Choices contradict each other.
            MutationError: A mutator failed.
            GenerationError: The first model of the space cannot be written as source.
            StoreError: The experiment cannot be recorded.
        """
        config = config if config is not None else RetiariiExeConfig()
        if self._reader is not None:
            raise ConfigError(f"experiment {self.id} has run already", fix="make a new RetiariiExperiment")
        if port is not None:
            check_port(port)
        mode = choose_mode(config, self._strategy, self._evaluator)
        evaluator = dumps(self._evaluator)
        generate(self.space.build(self.space.complete({})))
        self._strategy.start(self.space)
        model = json.dumps(self.space.base_model.to_json()).encode()
        engine = _make_engine(config)
        with deferred_interrupt() as is_interrupted, self._create_store(config, mode) as store:
            self._reader = StoreReader(store.directory)
            state = ExperimentState.FAILED
            try:
                store.write_file(MODEL_FILE, model)
                progress = Progress(config.max_trial_number, mode == "maximize")
                limits = Limits(
                    trials=config.max_trial_number,
                    duration=config.max_experiment_duration,
                    trial_duration=config.max_trial_duration,
                    retries=config.max_retries,
                )
                weights = WeightKeeper(config.keep_weights, mode == "maximize", self._reader.trial_directory)
                search = Search(self.space, self._strategy, engine, store, evaluator, limits, weights, progress)
                with engine, _show_page(store, port), progress:
                    reason = search.run(lambda: self._stop.is_set() or is_interrupted())
                state = ExperimentState.STOPPED if reason is EndReason.STOPPED else ExperimentState.DONE
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
        return self._store().trials()

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
            ConfigError: The experiment has not run yet, or an argument has another value.
        """
        reader = self._store()
        if top_k < 1:
            raise ConfigError(f"top_k is {top_k}", fix="ask for at least one model")
        if optimize_mode not in (None, "maximize", "minimize"):
            raise ConfigError(f"there is no optimize_mode {optimize_mode!r}", fix="use 'maximize' or 'minimize'")
        if optimize_mode in (None, reader.info().optimize_mode):
            return reader.best(top_k)
        scored = reader.trials(state=TrialState.SUCCEEDED)
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
        return Store.create(
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


def _make_engine(config: RetiariiExeConfig) -> LocalEngine:
    return LocalEngine(
        config.trial_concurrency,
        gpus_per_trial=config.trial_gpu_number or 0,
        gpu_indices=config.training_service.gpu_indices,
        threads=config.trial_threads,
    )


def _show_page(store: Store, port: int | None) -> AbstractContextManager[object]:
    """Serve the page on ``port``, if there is one, until the ``with`` block ends."""
    if port is None:
        return nullcontext()
    page = start_page(store.directory, port)
    print(f"page: {page.url}")
    return page
