"""One run of a search, from the first process to the last record; the first of its experiment, or a later one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from retix.dashboard import start as start_page
from retix.execution import Engine
from retix.experiment.adapting import closing_strategy
from retix.experiment.plan import Plan, list_versions
from retix.experiment.progress import Progress
from retix.experiment.record.earlier import Earlier
from retix.experiment.record.recording import find_weights
from retix.experiment.search.ending import EndReason
from retix.experiment.search.listener import Listeners
from retix.experiment.search.loop import Search
from retix.experiment.search.weight_keeper import WeightKeeper
from retix.store import ExperimentState, Store, StoreReader

_ENDS = {EndReason.STOPPED: ExperimentState.STOPPED, EndReason.FAILURES: ExperimentState.FAILED}


class Session:
    """Runs a plan in an experiment's store.

    Args:
        plan: The search.
        store: Where it is recorded; this process is its driver.
        engine: Runs the trials.
        earlier: What is gone on with; None in a new experiment.
    """

    def __init__(self, plan: Plan, store: Store, engine: Engine, earlier: Earlier | None) -> None:
        self._plan = plan
        self._store = store
        self._engine = engine
        self._earlier = earlier
        self._reader = StoreReader(store.directory)
        self._progress = Progress(plan.config.max_trial_number, plan.mode == "maximize", objectives=plan.objectives)

    def run(self, port: int | None, should_stop: Callable[[], bool]) -> None:
        """Search to the end, and record how it ended; says so on stdout.

        Args:
            port: Where to show the page, or None.
            should_stop: Asked often.

        Raises:
            ConfigError: What is recorded of the search cannot be replayed.
            KeyboardInterrupt: The user interrupted the search; it is recorded as stopped.
            Exception: Whatever the search raises; it is recorded as failed.
        """
        state = self._state_if_refused()
        try:
            with self._engine, closing_strategy(self._plan.strategy):
                search = self._prepare()
                state = ExperimentState.FAILED
                reason = self._search(search, port, should_stop)
            state = _ENDS.get(reason, ExperimentState.DONE)
        except KeyboardInterrupt:
            state = ExperimentState.STOPPED
            raise
        finally:
            self._store.set_state(state)
        said = f"{reason}: {search.explanation}" if search.explanation else reason
        print(f"experiment {self._store.id} ended: {said}; {self._progress.summary()}")

    def _state_if_refused(self) -> ExperimentState:
        """What an experiment is that cannot be gone on with: what it was."""
        before = ExperimentState.FAILED if self._earlier is None else self._earlier.info.state
        is_over = before.is_recorded and before not in (ExperimentState.RUNNING, ExperimentState.PAUSED)
        return before if is_over else ExperimentState.STOPPED

    def _prepare(self) -> Search:
        """The search, with all that was told and asked before, and what has changed since written down."""
        for name, data in self._plan.files.items():
            self._store.write_file(name, data)
        search = self._make_search()
        if self._earlier is not None:
            search.restore(self._reader)
            self._progress.take_up(self._reader)
            before = self._earlier.info.config
            changes = {name: value for name, value in self._plan.record.items() if before.get(name) != value}
            # Where a seed was drawn, that of the first run counts.
            changes.pop("seed", None)
            if changes:
                self._store.update_config(changes)
        return search

    def _search(self, search: Search, port: int | None, should_stop: Callable[[], bool]) -> EndReason:
        with _show_page(self._store, port), self._progress:
            return search.run(should_stop)

    def _make_search(self) -> Search:
        plan = self._plan
        url = find_weights(plan.config.weights_url, self._store.directory)
        weights = WeightKeeper(
            plan.config.keep_weights,
            plan.mode == "maximize",
            url,
            strategy=plan.strategy,
            objectives=plan.objectives,
        )
        listener = Listeners(self._progress, *plan.listeners)
        return Search(
            plan.space,
            plan.strategy,
            self._engine,
            self._store,
            plan.evaluator,
            plan.limits,
            weights,
            listener,
            stopping=plan.stopping,
            measured=plan.measured,
        )


def open_store(plan: Plan, name: str, earlier: Earlier | None) -> Store:
    """The store of a search, with this process as its driver.

    Args:
        plan: The search.
        name: What a new experiment is called.
        earlier: What is gone on with, if anything.

    Raises:
        StoreError: It cannot be written, or another driver holds it.
    """
    if earlier is not None:
        return Store.open(earlier.reader.directory.parent, earlier.info.id)
    return Store.create(
        plan.config.root, name=name, optimize_mode=plan.mode, config=plan.record, versions=list_versions()
    )


def _show_page(store: Store, port: int | None) -> AbstractContextManager[object]:
    """Serve the page on ``port``, if there is one, until the ``with`` block ends."""
    if port is None:
        return nullcontext()
    page = start_page(store.directory, port)
    print(f"page: {page.url}")
    return page
