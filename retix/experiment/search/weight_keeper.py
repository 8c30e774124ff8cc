"""Which trained weights stay, as a search goes on."""

from __future__ import annotations

import bisect
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from retix.errors import StoreError
from retix.objective import Objectives
from retix.pareto import Costs, order
from retix.strategy import Strategy
from retix.trial import Trial, TrialState, WeightsAddress
from retix.weights import WeightStore

_FOLDER = "trials"
_NAME = "model"


def weights_key(trial_id: int) -> str:
    """The key of a trial's weights in their store; its files' keys begin with it and ``/``."""
    return f"{_FOLDER}/{trial_id}/{_NAME}"


class WeightKeeper:
    """Deletes the weights that nobody needs any more.

    Needed are those of the best trials, those of trials that the strategy may still take for parents, and those of the
    parents of trials that wait or run; a trial's files (`retix.weights.TrialWeights.put_file`) stay and go with its
    weights. What a trial that failed or was stopped has written is deleted.

    A trial that carries the result of an earlier one has that one's weights.

    Nothing is deleted but by `sweep` and `clean`, so that what led to a deletion can be durable before it. In a store
    that is no local directory, deletions are made by a thread of their own, since each may take as long as a request.

    Args:
        count: How many of the best trials keep theirs.
        maximize: Whether a higher metric is better; of equals, the earlier trial is.
        url: The store of weights, as `WeightStore` takes it.
        strategy: Whose possible parents keep theirs; None if no trial inherits.
        objectives: What makes trials the best, if that is more than the metric ``default``: by front, and of one front
            the least crowded first.
    """

    def __init__(
        self,
        count: int,
        maximize: bool,
        url: str | os.PathLike[str],
        *,
        strategy: Strategy | None = None,
        objectives: Objectives | None = None,
    ) -> None:
        self._count = count
        self._sign = -1.0 if maximize else 1.0
        self._store = WeightStore(url)
        self._strategy = strategy
        self._objectives = objectives or Objectives()
        self._best: list[tuple[float, int]] = []
        self._judged: list[tuple[Costs, float, int]] = []  # the best where more counts: costs, violations, ids
        self._sizes: dict[int, int] = {}  # of the weights that are there, in bytes
        self._ended: set[int] = set()  # since the last sweep
        self._originals: dict[int, int] = {}  # of duplicates that may become parents
        self._parents: dict[int, int] = {}  # of trials that wait or run, and inherit
        self._has_warned = False
        self._thread = None if self._store.is_local else ThreadPoolExecutor(1, "retix-weights")

    @property
    def keeps_any(self) -> bool:
        """Whether workers need to write weights at all."""
        return self._count > 0 or self._inherits

    @property
    def size(self) -> int:
        """The bytes that all weights take that were kept at the last sweep."""
        return sum(self._sizes.copy().values())

    def target(self, trial_id: int) -> WeightsAddress | None:
        """Where the weights of a trial are to go; None if nobody needs them."""
        return self._address(trial_id) if self.keeps_any else None

    def address(self, trial_id: int) -> WeightsAddress | None:
        """Where the weights of a trial lie now; None if there are none.

        If the store cannot be asked, it is where they should lie: whoever reads them will see.
        """
        trial_id = self._originals.get(trial_id, trial_id)
        try:
            return self._address(trial_id) if self._store.exists(weights_key(trial_id)) else None
        except StoreError:
            return self._address(trial_id)

    def trial_proposed(self, trial: Trial) -> None:
        """Hold the weights of a waiting trial's parent, if it inherits, until it has ended."""
        if trial.inherit and trial.parent is not None:
            self._parents[trial.id] = trial.parent

    def trial_ended(self, trial: Trial) -> None:
        """Note what became of a trial; to be called when the strategy has been told, since it may now be a parent."""
        self._parents.pop(trial.id, None)
        if trial.duplicate_of is not None:
            self._originals[trial.id] = trial.duplicate_of
            return
        self._ended.add(trial.id)
        if self._count > 0 and trial.state is TrialState.SUCCEEDED and trial.metric is not None:
            self._rank(trial, trial.metric)

    def sweep(self) -> None:
        """Delete what is no longer needed of the trials that have ended so far."""
        if not self._ended:
            return
        needed = self._find_needed()
        ended, self._ended = self._ended, set()
        self._do(lambda: self._update(needed, ended))

    def clean(self, spare: Iterable[int] = ()) -> None:
        """Delete all weights that are not needed, also those that an earlier driver has left; for a resumed search.

        Args:
            spare: Trials that have ended and will be heard of by `trial_ended`.

        Raises:
            StoreError: The store cannot be read.
        """
        self._ended.clear()
        needed = self._find_needed().union(spare)
        self._sizes = self._measure(f"{_FOLDER}/")
        self._do(lambda: self._update(needed, set()))

    def close(self) -> None:
        """Wait for deletions that are under way; nothing is swept afterwards."""
        if self._thread is not None:
            self._thread.shutdown()

    def _rank(self, trial: Trial, metric: float) -> None:
        """Take a trial among the best, if it is, and let the last of them go."""
        aims = self._objectives
        if len(aims) == 1 and not aims.limits:
            bisect.insort(self._best, (self._sign * metric, trial.id))
            del self._best[self._count :]
            return
        judged = [*self._judged, (aims.costs(trial.metrics), aims.violation(trial.metrics), trial.id)]
        judged.sort(key=lambda entry: entry[-1])
        best = order([costs for costs, _, _ in judged], [violation for _, violation, _ in judged])[: self._count]
        self._judged = [judged[at] for at in best]
        self._best = [(float(place), id) for place, (_, _, id) in enumerate(self._judged)]

    @property
    def _inherits(self) -> bool:
        return self._strategy is not None and self._strategy.inherits_weights

    def _address(self, trial_id: int) -> WeightsAddress:
        return WeightsAddress(self._store.url, weights_key(trial_id))

    def _find_needed(self) -> set[int]:
        """The trials whose weights are needed, originals instead of duplicates."""
        parents = set(self._parents.values())
        if self._strategy is not None:
            parents |= self._strategy.possible_parents()
        self._originals = {id: original for id, original in self._originals.items() if id in parents}
        return {id for _, id in self._best} | {self._originals.get(id, id) for id in parents}

    def _do(self, work: Callable[[], None]) -> None:
        if self._thread is None:
            work()
        else:
            self._thread.submit(work)

    def _update(self, needed: set[int], ended: set[int]) -> None:
        """Delete weights, and note the sizes of others; what cannot be deleted is tried again with the next sweep.

        In a store that is no local directory this runs later, in the thread, which alone knows what is there by then.
        """
        for trial_id in (ended | self._sizes.keys()) - needed:
            try:
                self._store.delete(weights_key(trial_id))
                self._store.delete_below(weights_key(trial_id))
                self._sizes.pop(trial_id, None)
            except StoreError as error:
                self._sizes.setdefault(trial_id, 0)
                self._warn(trial_id, error)
        for trial_id in (ended & needed) - self._sizes.keys():
            try:
                self._sizes |= self._measure(weights_key(trial_id))
            except StoreError:
                self._sizes[trial_id] = 0  # of unknown size, but to be deleted one day

    def _measure(self, prefix: str) -> dict[int, int]:
        """The bytes that each trial has in the store, below a prefix."""
        found: Counter[int] = Counter()
        for key, size in self._store.sizes(prefix).items():
            if (trial_id := _trial_of(key)) is not None:
                found[trial_id] += size
        return dict(found)

    def _warn(self, trial_id: int, error: StoreError) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(f"the weights of trial {trial_id} cannot be deleted: {error}", RuntimeWarning, stacklevel=2)


def _trial_of(key: str) -> int | None:
    """The trial whose weights or file a key names."""
    folder, _, rest = key.partition("/")
    trial, _, name = rest.partition("/")
    is_ours = folder == _FOLDER and trial.isdecimal() and (name == _NAME or name.startswith(f"{_NAME}/"))
    return int(trial) if is_ours else None
