"""One father and three children: he writes a random file, they wait for it, read it, and check its checksum.

The example by which weight sharing among trials has always been explained; run here on any engine.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from retix.execution import Engine
from retix.experiment.search.loop import EndReason
from retix.space import Sample
from retix.store import StoreReader
from retix.strategy import Strategy
from retix.trial import Proposal, Trial, TrialState
from retix.weights import current
from tests.experiment.nets import Chain
from tests.experiment.searching import Listener, make_search, make_space, make_store, never

FATHER = 1
CHILDREN = (2, 3, 4)
SIZE = 5_000_000
"""Bytes of the father's file."""


class Family(Strategy):
    """Proposes the father, and at once his children, who inherit from him."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self._proposed = 0

    @property
    def inherits_weights(self) -> bool:
        return True

    @property
    def exhausted(self) -> bool:
        return self._proposed == 1 + len(CHILDREN)

    def ask(self) -> Proposal | None:
        if self.exhausted:
            return None
        self._proposed += 1
        sample = Sample({"width": self._proposed})
        return Proposal(sample) if self._proposed == FATHER else Proposal(sample, FATHER, inherit=True)


def live(model_cls: Callable[[], Any], size: int, delay: float) -> dict[str, float]:
    """The life of each: the father writes, slowly, and a child reads and checks."""
    weights = current()
    model = model_cls()
    if weights.parent is None:
        data = os.urandom(size)
        time.sleep(delay)
        weights.put_file("random.bin", data)
        weights.put_file("checksum", hashlib.sha256(data).hexdigest().encode())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(3.0)
        return {"default": 0.0, "checksum": _short(data), "time": time.time()}
    begin = time.time()
    data = weights.parent_file("random.bin")
    assert len(data) == size
    assert hashlib.sha256(data).hexdigest().encode() == weights.parent_file("checksum")
    assert all((tensor == 3).all() for tensor in weights.load_parent().values())
    return {"default": 1.0, "checksum": _short(data), "time": begin, "bias": float(model.last.bias.detach().mean())}


def run_family(engine: Engine, root: Path, *, size: int = SIZE, delay: float = 0.3) -> StoreReader:
    """Let the family live on an engine of four slots or more; what became of them is checked by `check_family`.

    Args:
        engine: An engine that is open.
        root: Where experiments are kept.
        size: Bytes of the father's file.
        delay: Seconds that the father takes to write it.
    """
    waits: list[Trial] = []

    def look(trial: Trial) -> None:
        if trial.id in CHILDREN and trial.state is TrialState.WAITING:
            waits.append(trial)

    with make_store(root) as store:
        arguments = {"size": size, "delay": delay}
        listener = Listener(look)
        search, reader = make_search(
            make_space(Chain()), Family(), engine, store, live, listener=listener, arguments=arguments
        )
        assert search.run(never) is EndReason.EXHAUSTED
    assert {trial.id for trial in waits if f"weights of trial {FATHER}" in trial.waits_for} == set(CHILDREN)
    return reader


def check_family(reader: StoreReader) -> None:
    """All four succeeded, each child began when its father's weights were complete, and read what he wrote."""
    trials = {trial.id: trial for trial in reader.trials()}
    assert {trial.state for trial in trials.values()} == {TrialState.SUCCEEDED}, [trials[id].failure for id in trials]
    father, children = trials[FATHER], [trials[id] for id in CHILDREN]
    assert len({trial.metrics["checksum"] for trial in trials.values()}) == 1
    for child in children:
        assert (child.parent, child.inherit) == (FATHER, True)
        assert father.ended is not None
        assert child.started is not None
        assert child.started >= father.ended
        assert child.metrics["time"] >= father.metrics["time"]
        assert child.metrics["bias"] == 3.0
        assert '"parent": 1' in (reader.trial_directory(child.id) / "inherited.json").read_text()
    # All three were ready at once, and each had a worker to itself.
    assert len({reader.attempts(child.id)[0].worker for child in children}) == len(CHILDREN)


def check_nothing_is_left_of_the_father(reader: StoreReader) -> None:
    """He is not among the best, and has no more children to come: his weights and his file are gone."""
    kept = {path.relative_to(reader.directory).as_posix() for path in reader.directory.rglob("*.safetensors")}
    assert kept == {"trials/2/model.safetensors"}


def _short(data: bytes) -> float:
    """The first bytes of a checksum, as a metric."""
    return float(int.from_bytes(hashlib.sha256(data).digest()[:6]))
