"""An experiment: a model space, an evaluator and a strategy, run to its end."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal

import torch

from retix.dashboard import check_port
from retix.dashboard import start as start_page
from retix.errors import ConfigError
from retix.evaluator import Evaluator
from retix.execution import LocalEngine, building
from retix.experiment.adapting import adapt_strategy, closing_strategy
from retix.experiment.arguments import check_mutators, check_strategy, choose_mode
from retix.experiment.base import read_base
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.engine_config import ExecutionEngineConfig
from retix.experiment.exporting import SOURCE_FILE, find_export
from retix.experiment.interrupt import deferred_interrupt
from retix.experiment.progress import Progress
from retix.experiment.search import EndReason, Limits, Listeners, Search
from retix.experiment.sending import EvaluatorSender, describe_space
from retix.experiment.weight_keeper import WeightKeeper
from retix.model_space import ModelSpace
from retix.mutation import Mutator
from retix.space import Constraint
from retix.store import ExperimentState, OptimizeMode, Store, StoreReader
from retix.strategy import BaseStrategy, Random, Strategy
from retix.trial import Trial, TrialState

# Words of NNI's that Python's logging does not know.
_LOG_LEVELS = {"trace": "DEBUG", "fatal": "CRITICAL"}


class RetiariiExperiment:
    """A search over the models that a base model and its choices span.

    ::

        exp = RetiariiExperiment(Net(), evaluator, [], RegularizedEvolution())
        exp.run(RetiariiExeConfig("local", max_trial_number=50, trial_concurrency=2))
        print(exp.export_top_models(formatter="code")[0])

    Several experiments may run in one process, one after the other or in threads at the same time.

    Args:
        base_model: The model, with choices in it: an instance, or a function that makes one. Or a `ModelSpace`, which
            brings mutators, constraints, example inputs, and, if it has one, its evaluator.
        evaluator: Trains and scores each model; its arguments may hold choices.
        applied_mutators: Own mutators, applied in order behind the choices in the model.
        strategy: Decides what is tried; random search by default.
        trainer: NNI's older name for ``evaluator``.
        example_inputs: What the model is traced with: a tensor, or a tuple of arguments. By default the evaluator's
            first batch; where there is neither, the model is scripted.
        constraints: What every model has to keep, see `retix.constraint`.

    Raises:
        ConfigError: An argument is missing or of the wrong kind.
        EvaluationError: The evaluator could evaluate no model, as its data is missing.
    """

    def __init__(
        self,
        base_model: torch.nn.Module | Callable[[], torch.nn.Module] | ModelSpace | None = None,
        evaluator: Evaluator | None = None,
        applied_mutators: Sequence[Mutator] | None = None,
        strategy: Strategy | BaseStrategy | None = None,
        trainer: Evaluator | None = None,
        *,
        example_inputs: Any = None,
        constraints: Iterable[Constraint] = (),
    ) -> None:
        given = evaluator if evaluator is not None else trainer
        self._base = read_base(base_model, given, check_mutators(applied_mutators or ()), example_inputs, constraints)
        self._evaluator = self._base.evaluator
        self._strategy = check_strategy(strategy if strategy is not None else Random())
        self._space: ModelSpace | None = None
        self._thread: threading.Thread | None = None
        self._reader: StoreReader | None = None
        self._stop = threading.Event()
        self._error: BaseException | None = None

    @property
    def id(self) -> str:
        """The experiment's id, by which `retix show` and the others know it.

        Raises:
            ConfigError: It has not run yet.
        """
        return self._store().directory.name

    @property
    def space(self) -> ModelSpace:
        """The space that is searched; captures the base model when first asked for.

        Raises:
            ConversionError: The base model cannot be captured.
            SpaceError: Its choices contradict each other.
        """
        return self._open_space(ExecutionEngineConfig())

    def _open_space(self, engine: ExecutionEngineConfig) -> ModelSpace:
        """The space by an engine; a space that was opened already is kept if that engine would make the same."""
        if self._space is None or not self._base.is_made_by(engine, self._space):
            self._space = self._base.open(engine)
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
        whole = {**self.space.complete(answers), **answers}
        self.space.digest(whole)
        source = self.space.source(whole)
        directory = Path(tempfile.mkdtemp(prefix="retix-debug-"))
        for name, data in self.space.files.items():
            (directory / name).write_bytes(data)
        with building(source.text, source.entry, directory / SOURCE_FILE, f"retix_{directory.name}") as factory:
            metrics = self.space.fill_evaluator(whole)._execute(factory.model_class)
        # After an error the file stays: a traceback shows its lines only as long as it is there.
        shutil.rmtree(directory)
        return metrics

    def start(self, config: RetiariiExeConfig | None = None, port: int | None = None, debug: bool = False) -> None:
        """Begin to search in a thread, and return; `wait` returns when it has ended, `stop` lets it end.

        What is wrong with the arguments is raised by `wait`.

        Raises:
            ConfigError: It was started already.
        """
        if self._thread is not None:
            raise ConfigError("the experiment was started already", fix="make a new RetiariiExperiment")

        def search() -> None:
            try:
                self.run(config, port, debug)
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=search, name=f"retix-{self._base.name}")
        self._thread.start()

    def wait(self) -> None:
        """Return when a search that `start` began has ended; what it raised is raised here.

        Raises:
            ConfigError: It was not started.
        """
        if self._thread is None:
            raise ConfigError("the experiment was not started", fix="call start(config), or run(config), which waits")
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

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
        if config.log_level is not None:
            logging.getLogger("retix").setLevel(_LOG_LEVELS.get(config.log_level, config.log_level.upper()))
        space = self._open_space(config.execution_engine)
        if space.reason is not None:
            print(f"models are built by Python: {space.reason}")
        evaluator = EvaluatorSender(space)
        first = space.complete({})
        space.source(first)
        evaluator(first)
        strategy, listeners = adapt_strategy(self._strategy, config)
        strategy.start(space)
        files = describe_space(space)
        engine = _make_engine(config)
        with deferred_interrupt() as is_interrupted, self._create_store(config, mode) as store:
            self._reader = StoreReader(store.directory)
            state = ExperimentState.FAILED
            try:
                for name, data in files.items():
                    store.write_file(name, data)
                progress = Progress(config.max_trial_number, mode == "maximize")
                limits = Limits(
                    trials=config.max_trial_number,
                    duration=config.max_experiment_duration,
                    trial_duration=config.max_trial_duration,
                    retries=config.max_retries,
                )
                weights = WeightKeeper(config.keep_weights, mode == "maximize", self._reader.trial_directory)
                listener = Listeners(progress, *listeners)
                search = Search(space, strategy, engine, store, evaluator, limits, weights, listener)
                with engine, _show_page(store, port), progress, closing_strategy(strategy):
                    reason = search.run(lambda: self._stop.is_set() or is_interrupted())
                state = ExperimentState.STOPPED if reason is EndReason.STOPPED else ExperimentState.DONE
            except KeyboardInterrupt:
                state = ExperimentState.STOPPED
                raise
            finally:
                store.set_state(state)
            print(f"experiment {self.id} ended: {reason}; {progress.summary()}")

    @staticmethod
    def resume(experiment_id: str, port: int = 8080, debug: bool = False) -> RetiariiExperiment:
        """Go on with an experiment that was stopped; not built yet.

        Raises:
            ConfigError: Always; nothing is lost, the record of what was tried stays.
        """
        raise ConfigError(
            f"experiment {experiment_id!r} cannot be resumed",
            why="resuming is not built yet",
            fix=f"`retix show {experiment_id}` shows what was tried; begin a new experiment to go on",
        )

    @staticmethod
    def view(experiment_id: str, port: int = 8080, non_blocking: bool = False) -> RetiariiExperiment | None:
        """Look at an experiment that has ended; NNI's name for ``retix show``.

        Raises:
            ConfigError: Always; it names the command.
        """
        raise ConfigError(
            f"experiment {experiment_id!r} is not shown from Python",
            fix=f"`retix show {experiment_id}` and `retix export {experiment_id}` look into what has ended",
        )

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
        self,
        top_k: int = 1,
        optimize_mode: OptimizeMode | None = None,
        formatter: Literal["code", "dict", "instance"] = "dict",
    ) -> list[Any]:
        """The best models found so far, best first.

        Args:
            top_k: How many.
            optimize_mode: Whether a higher or a lower metric is better; by default as in the search.
            formatter: ``code`` for the source of each model, ``dict`` for its choices, label to answer, ``instance``
                for the model itself, with the weights that were trained if they were kept (see ``keep_weights``).

        Raises:
            ConfigError: The experiment has not run yet, or an argument has another value.
        """
        export = find_export(formatter)
        if isinstance(self._strategy, BaseStrategy):
            with suppress(NotImplementedError):
                return list(self._strategy.export_top_models(top_k=top_k))
        return [export(self.space, trial, self.directory(trial)) for trial in self.top_trials(top_k, optimize_mode)]

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

    def _store(self) -> StoreReader:
        if self._reader is None:
            raise ConfigError("the experiment has not run yet", fix="call run(config) first")
        return self._reader

    def _create_store(self, config: RetiariiExeConfig, mode: OptimizeMode) -> Store:
        return Store.create(
            config.root,
            name=config.experiment_name or self._base.name,
            optimize_mode=mode,
            config={
                **config.to_json(),
                "strategy": type(self._strategy).__name__,
                "seed": getattr(self._strategy, "seed", None),
            },
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


def debug_mutated_model(
    base_model: torch.nn.Module, evaluator: Evaluator, applied_mutators: Sequence[Mutator] = ()
) -> dict[str, float]:
    """Evaluate one model of a space in this process; NNI's name for `RetiariiExperiment.local_debug_run`.

    Returns:
        The final metrics by name.
    """
    return RetiariiExperiment(base_model, evaluator, applied_mutators).local_debug_run()
