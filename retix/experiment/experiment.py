"""An experiment: a model space, an evaluator and a strategy, run to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch

from retix.dashboard import check_port
from retix.dashboard import start as start_page
from retix.errors import ConfigError
from retix.evaluator import Evaluator
from retix.experiment.arguments import check_mutators, check_strategy, choose_mode
from retix.experiment.base import read_base
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.debugging import evaluate_here
from retix.experiment.engine_config import ExecutionEngineConfig
from retix.experiment.engines import make_engine
from retix.experiment.export.exporting import find_export
from retix.experiment.interrupt import deferred_interrupt
from retix.experiment.plan import make_plan, set_log_level
from retix.experiment.record.earlier import Earlier, change_config, find_earlier
from retix.experiment.record.recording import MEASURED_FILE
from retix.experiment.recorded import RecordedExperiment
from retix.experiment.session import Session, open_store
from retix.measures import Measure
from retix.model_space import ModelSpace
from retix.mutation import Mutator
from retix.space import Constraint
from retix.store import OptimizeMode, StoreReader, read_experiment
from retix.strategy import BaseStrategy, Random, Strategy


class RetiariiExperiment(RecordedExperiment):
    """A search over the models that a base model and its choices span.

    ::

        exp = RetiariiExperiment(Net(), evaluator, [], RegularizedEvolution())
        exp.run(RetiariiExeConfig("local", max_trial_number=50, trial_concurrency=2))
        print(exp.export_top_models(formatter="code")[0])

    While it runs, `pause`, `cancel`, `set` and the others of `RecordedExperiment` may be called from any thread, and,
    by `view` or the command ``retix``, from any process. Several experiments may run in one process, one after the
    other or in threads at the same time.

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
        measures: What else can be known of a model without training it, see `ModelSpace.measure`; objectives and limits
            may name it.

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
        measures: Iterable[Measure] = (),
    ) -> None:
        super().__init__(None)
        given = evaluator if evaluator is not None else trainer
        mutators = check_mutators(applied_mutators or ())
        self._base = read_base(base_model, given, mutators, example_inputs, constraints, measures)
        self._strategy = check_strategy(strategy if strategy is not None else Random())
        self._space: ModelSpace | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._error: BaseException | None = None

    @property
    def space(self) -> ModelSpace:
        """The space that is searched; captures the base model when first asked for.

        Raises:
            ConversionError: The base model cannot be captured.
            SpaceError: Its choices contradict each other.
        """
        return self._open_space(ExecutionEngineConfig())

    def _own_space(self) -> ModelSpace:
        return self.space

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
        return evaluate_here(self.space, sample or {})

    def start(
        self,
        config: RetiariiExeConfig | None = None,
        port: int | None = None,
        debug: bool = False,
        *,
        resume: str | None = None,
    ) -> None:
        """Begin to search in a thread, and return; `wait` returns when it has ended, `stop` lets it end.

        The arguments are those of `run`. What is wrong with them is raised by `wait`.

        Raises:
            ConfigError: It was started already.
        """
        if self._thread is not None:
            raise ConfigError("the experiment was started already", fix="make a new RetiariiExperiment")

        def search() -> None:
            try:
                self.run(config, port, debug, resume=resume)
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

    def run(
        self,
        config: RetiariiExeConfig | None = None,
        port: int | None = None,
        debug: bool = False,
        *,
        resume: str | None = None,
    ) -> None:
        """Search until the budget is spent; returns when the last trial has ended.

        Everything that can be checked is checked before the first trial. Ctrl-C stops the search: what runs is
        recorded as stopped, no process stays behind, and the interrupt is raised again.

        Args:
            config: The settings; by default those that an experiment had that is resumed.
            port: Where to show a page on 127.0.0.1 while the search runs; None for no page.
            debug: Kept for scripts written for NNI; it changes nothing.
            resume: The id of an experiment of this script, to go on with however it ended: trials that have ended are
                not run again, those that ran are run again from their beginning, and the strategy goes on where it was.
                Budget, concurrency and limits may be others than before.

        Raises:
            ConfigError: The experiment has run already, the port cannot be used, there are too few GPUs, it is not
                clear whether a higher or a lower metric is better, or what is to be resumed was another search.
            RecipeError: The evaluator cannot be sent to workers.
            ConversionError: The base model cannot be captured.
            SpaceError: Choices contradict each other, or no model keeps the limits.
            MutationError: A mutator failed.
            GenerationError: The first model of the space cannot be written as source.
            StoreError: The experiment cannot be recorded, or another process runs it.
        """
        if self._reader is not None:
            raise ConfigError(f"experiment {self.id} has run already", fix="make a new RetiariiExperiment")
        if port is not None:
            check_port(port)
        earlier = None
        if resume is not None:
            earlier = find_earlier((config or RetiariiExeConfig()).root, resume)
            config = earlier.settle(config or earlier.config)
        self._run(config or RetiariiExeConfig(), port, earlier)

    def _run(self, config: RetiariiExeConfig, port: int | None, earlier: Earlier | None) -> None:
        mode = choose_mode(config, self._strategy, self._base.evaluator)
        set_log_level(config)
        space = self._open_space(config.execution_engine)
        if space.reason is not None:
            print(f"models are built by Python: {space.reason}")
        plan = make_plan(space, self._strategy, config, mode, earlier)
        engine = make_engine(config)
        name = config.experiment_name or self._base.name
        with deferred_interrupt() as is_interrupted, open_store(plan, name, earlier) as store:
            self._reader = StoreReader(store.directory)
            space.keep_measurements(self._reader.file(MEASURED_FILE))
            Session(plan, store, engine, earlier).run(port, lambda: self._stop.is_set() or is_interrupted())

    @staticmethod
    def resume(
        experiment_id: str,
        port: int | None = 8080,
        debug: bool = False,
        *,
        directory: str | Path | None = None,
        **changes: Any,
    ) -> RetiariiExperiment:
        """Go on with an experiment from what is stored of it, and return when it has ended.

        The space, the evaluator and the strategy are made again as they were when the experiment began. They were
        pickled then, and are read back only if nobody but this user can have changed them since. Where that is not
        possible, go on from the script: ``exp.run(config, resume=ID)``.

        Args:
            experiment_id: The experiment's id.
            port: Where to show a page while the search runs; None for no page.
            debug: Kept for scripts written for NNI; it changes nothing.
            directory: The directory of experiments; ``~/retix-experiments`` by default.
            **changes: Settings of `RetiariiExeConfig` that are to be others than before, such as ``max_trial_number``.

        Raises:
            ConfigError: The search cannot be made again, or a change contradicts what was tried.
            StoreError: There is no such experiment, another process runs it, or its files are not this user's alone.
        """
        earlier = find_earlier(RetiariiExeConfig().root if directory is None else directory, experiment_id)
        config = earlier.settle(change_config(earlier.config, changes))
        space, strategy = earlier.load()
        experiment = RetiariiExperiment(space, space.evaluator, strategy=strategy)
        experiment.run(config, port, debug, resume=experiment_id)
        return experiment

    @staticmethod
    def view(
        experiment_id: str,
        port: int | None = 8080,
        non_blocking: bool = False,
        *,
        directory: str | Path | None = None,
    ) -> RecordedExperiment:
        """Look at an experiment, whether it runs or has ended; nothing of it is run or unpickled.

        Args:
            experiment_id: The experiment's id.
            port: Where to show its page on 127.0.0.1; None for no page.
            non_blocking: Whether to return while the page is shown, which then ends by `close`, or with this process.
                Otherwise the page is shown until Ctrl-C.
            directory: The directory of experiments; ``~/retix-experiments`` by default.

        Raises:
            ConfigError: The port cannot be used.
            StoreError: There is no such experiment.
        """
        reader = read_experiment(RetiariiExeConfig().root if directory is None else directory, experiment_id)
        if port is None:
            return RecordedExperiment(reader)
        page = start_page(reader.directory, port)
        if non_blocking:
            print(f"page: {page.url}")
            return RecordedExperiment(reader, page)
        with page, suppress(KeyboardInterrupt):
            # Whoever reads this line may press Ctrl-C.
            print(f"page: {page.url}")
            page.wait()
        return RecordedExperiment(reader, page)

    def stop(self) -> None:
        """Let a running search end soon: running trials are stopped. May be called from any thread."""
        self._stop.set()

    def export_top_models(
        self,
        top_k: int | None = None,
        optimize_mode: OptimizeMode | None = None,
        formatter: Literal["code", "dict", "instance"] = "dict",
    ) -> list[Any]:
        if isinstance(self._strategy, BaseStrategy):
            find_export(formatter)
            with suppress(NotImplementedError):
                return list(self._strategy.export_top_models(top_k=1 if top_k is None else top_k))
        return super().export_top_models(top_k, optimize_mode, formatter)


def debug_mutated_model(
    base_model: torch.nn.Module, evaluator: Evaluator, applied_mutators: Sequence[Mutator] = ()
) -> dict[str, float]:
    """Evaluate one model of a space in this process; NNI's name for `RetiariiExperiment.local_debug_run`.

    Returns:
        The final metrics by name.
    """
    return RetiariiExperiment(base_model, evaluator, applied_mutators).local_debug_run()
