"""One slot of a Ray engine: a host, made when the first job comes, and the job that it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from retix.errors import RetixError
from retix.execution.ray.link import HostLost, Link
from retix.execution.ray.loss import can_be_replaced, summarize_loss
from retix.execution.ray.message import Task
from retix.execution.ray.order import Order
from retix.trial import Event, Verdict

_PATIENCE = 5  # hosts that a job may wait for in vain: until a dead node is known to be dead, Ray may choose it again


class Slot:
    """Runs one job at a time on a host that is replaced when it was lost.

    Args:
        ray: The module.
        make_link: Makes a host.
    """

    def __init__(self, ray: Any, make_link: Callable[[], Link]):
        self._ray = ray
        self._make_link = make_link
        self._link: Link | None = None
        self._order: Order | None = None
        self._losses = 0

    @property
    def trial(self) -> int | None:
        """The id of the trial that has not ended yet, or None."""
        return None if self._order is None else self._order.trial

    @property
    def is_warm(self) -> bool:
        """Whether it has a host that has come up."""
        return self._link is not None and self._link.home is not None

    @property
    def is_waiting(self) -> bool:
        """Whether it has a job that no host was given yet."""
        return self._order is not None and not self._order.is_given

    @property
    def refs(self) -> list[Any]:
        """What becomes ready when there is something to collect."""
        refs = [None if self._order is None else self._order.answer, None if self._link is None else self._link.ref]
        return [ref for ref in refs if ref is not None]

    def submit(self, task: Task) -> None:
        """Take a job; the slot must have none."""
        if self._link is not None and self._link.is_dead():
            self.drop()
        self._order = Order(task)
        self._losses = 0
        if self._link is None:
            self._link = self._make_link()
        elif self._link.home is not None:
            self._order.give(self._link.actor)

    def take_over(self, other: Slot) -> None:
        """Take the job of a slot that waits for its host; this one's must have come up and be idle."""
        self._order, other._order = other._order, None
        if self._order is not None and self._link is not None:
            self._order.give(self._link.actor)

    def collect(self, ready: Collection[Any]) -> list[Event]:
        """What has happened, by what is ready."""
        events: list[Event] = []
        if self._link is None:
            return events
        try:
            # The greeting goes first, so that a job is given to a host that is there; then what came before a death.
            if self._link.meet(ready) and self._order is not None and not self._order.is_given:
                self._order.give(self._link.actor)
            if self._order is not None and self._order.answer is not None and self._order.answer in ready:
                events += self._follow(self._order, self._link)
            self._link.look(ready, is_beginning=self._order is not None and not self._order.has_started)
        except (HostLost, self._ray.exceptions.RayError, OSError, RetixError) as error:
            events += self._lose(error)
        return events

    def answer(self, verdict: Verdict) -> None:
        """Answer the job's last report, if it waits for that."""
        if self._order is not None:
            self._order.answer_report(verdict)

    def cancel(self) -> list[Event]:
        """End the job, whatever it has told since the last `collect`."""
        if self._order is None or self._link is None:
            return []
        if self._link.home is None:
            self.drop()  # it still waits for the cluster, which need not be asked for it any longer
        else:
            self._link.cancel(self._order.task.ticket)
        return self._end(self._order.cancel())

    def describe_wait(self, describe_want: Callable[[], str]) -> str | None:
        """What the job waits for, in words; None if there is none or it has begun.

        Args:
            describe_want: Says what keeps the cluster from making a host.
        """
        if self._order is None or self._order.has_started or self._link is None:
            return None
        seconds = f"for {time.monotonic() - self._order.since:.0f} s"
        if self._link.home is None:
            return f"waits for the cluster {seconds}: {describe_want()}"
        return f"{self._link.words or f'starting a worker {seconds}'}, on node {self._link.home}"

    def leave(self) -> Any:
        """Have the host end what it started; ready when it has. None if there is nothing to wait for."""
        return None if self._link is None else self._link.leave()

    def drop(self) -> None:
        """End the host; another is made when the next job comes."""
        if self._link is not None:
            self._link.kill()
            self._link = None

    def _follow(self, order: Order, link: Link) -> list[Event]:
        events = order.follow(self._ray.get(order.answer), link.home)
        return self._end(events) if order.is_over else events

    def _lose(self, error: Exception) -> list[Event]:
        """The host was lost. A job that was not given to it yet waits for another host."""
        home = None if self._link is None else self._link.home
        self.drop()
        order = self._order
        if order is None:
            return []
        if not order.is_given and self._losses < _PATIENCE and can_be_replaced(error):
            self._losses += 1
            self._link = self._make_link()
            return []
        where = "a node of the cluster" if home is None else f"node {home}"
        message = f"the host of trial {order.trial} on {where} was lost: {summarize_loss(error)}"
        return self._end(order.fail(message, str(error)))

    def _end(self, events: list[Event]) -> list[Event]:
        self._order = None
        return events
