"""A host as its driver sees it."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from retix.execution.ray.host import END
from retix.execution.ray.message import Home, Pulse

BEAT = 5.0
"""Seconds between the signs of life of a host."""

QUICK_BEAT = 1.0
"""Seconds between them while a trial has not begun, so that what it waits for can be shown."""

STALE = 1.0
"""Seconds for which what was last known of a host counts."""

_ANSWER = 2.0  # seconds to wait for a host's answer; one that gives none is found out later, by its silence
_STALL = 60.0  # seconds that a host's engine may take for one turn, which can include starting a fork server
_LOOK = 1.0  # at most so many seconds of silence are counted between two looks: the driver itself may have slept


class HostLost(Exception):  # noqa: N818  # what happened, not what is wrong; never leaves this package
    """A host died, or has shown no sign of life for too long."""


class Link:
    """The driver's end of a host: the actor, and the calls on it that are always under way.

    Args:
        ray: The module.
        actor: The host, which may not exist yet.
        frozen_after: Seconds of silence after which it counts as lost.

    Attributes:
        actor: The host.
        home: Where it lives; None until it has said so.
        words: What its job waits for there.
    """

    def __init__(self, ray: Any, actor: Any, frozen_after: float):
        self.actor = actor
        self.home: Home | None = None
        self.words = ""
        self._ray = ray
        self._frozen_after = frozen_after
        self._control = {"concurrency_group": "control"}
        self._sign = actor.greet.options(**self._control).remote()
        self._silence = 0.0
        self._looked = time.monotonic()

    @property
    def ref(self) -> Any:
        """What becomes ready with the next sign of life."""
        return self._sign

    def meet(self, ready: Collection[Any]) -> bool:
        """Take the greeting, if it is there and was not taken; whether the host is known now.

        Raises:
            RayError: The host is dead.
        """
        if self.home is None and self._sign in ready:
            self.home = self._ray.get(self._sign)
            self._sign = self.actor.pulse.options(**self._control).remote(QUICK_BEAT)
        return self.home is not None

    def look(self, ready: Collection[Any], is_beginning: bool) -> None:
        """Take the next sign of life if it is there.

        Args:
            ready: What is ready.
            is_beginning: Whether a trial waits to begin, so that the next sign is wanted soon.

        Raises:
            HostLost: The host has been silent for too long.
            RayError: The host is dead.
        """
        now = time.monotonic()
        gap, self._looked = now - self._looked, now
        if not self.meet(ready):
            return
        if self._sign in ready:
            pulse: Pulse = self._ray.get(self._sign)
            if pulse.stalled > max(self._frozen_after, _STALL):
                raise HostLost(f"has not come round for {pulse.stalled:.0f} s")
            self.words, self._silence = pulse.words, 0.0
            beat = QUICK_BEAT if is_beginning else BEAT
            self._sign = self.actor.pulse.options(**self._control).remote(beat)
            return
        self._silence += min(gap, _LOOK)
        if self._silence > self._frozen_after + BEAT:
            raise HostLost(f"has shown no sign of life for {self._silence:.0f} s")

    def is_dead(self) -> bool:
        """Whether the host is dead, as far as can be told. It is asked if nobody has looked at it for long."""
        is_stale = time.monotonic() - self._looked >= STALE
        try:
            self.look(self._ray.wait([self._sign], timeout=0)[0], is_beginning=True)
            if is_stale and self.home is not None:
                # Its last sign of life may be older than its death.
                answer = self.actor.greet.options(**self._control).remote()
                self._ray.get(self._ray.wait([answer], timeout=_ANSWER)[0])
        except (HostLost, self._ray.exceptions.RayError):
            return True
        return False

    def cancel(self, ticket: int) -> None:
        """Have the host end a task as soon as it can."""
        self.actor.cancel.options(**self._control).remote(ticket)

    def leave(self) -> Any:
        """Have the host end everything it started; ready when that is done. None if it has not come up yet."""
        if self.home is None:
            return None
        self.cancel(END)
        return self.actor.leave.remote()

    def kill(self) -> None:
        """End the host at once; what it started ends by itself, because it notices."""
        self._ray.kill(self.actor, no_restart=True)
