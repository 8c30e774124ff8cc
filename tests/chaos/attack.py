"""Finding the processes of a search, and doing them harm."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psutil

TOKEN = "RETIX_CHAOS_TOKEN"
"""The environment variable by which everything that a search starts is known, whoever its parent is."""

KILL = "kill driver"
INTERRUPT = "interrupt driver"


@dataclass(frozen=True, slots=True)
class Attack:
    """What was done to a search.

    Attributes:
        act: What: one of the names in `Attacker.ACTS`.
        time: When, in seconds since the epoch.
        depth: How far below the driver the victim was; 0 for the driver.
        name: The victim's name.
        may_fail: How many trials may have been lost by it.
    """

    act: str
    time: float
    depth: int
    name: str
    may_fail: int


def find_processes(token: str) -> list[psutil.Process]:
    """Every living process that was started under the token, however far away from its parents it is now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_processes(token: str) -> None:
    """Kill all of them."""
    while found := find_processes(token):
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.02)


class Attacker:
    """Does harm to the processes below a driver, at random.

    Args:
        rng: Chooses acts and victims.
        workers: How many trials run at a time.
    """

    ACTS = ("kill", "kill", "kill", "freeze", "freeze", "kill all", "stall driver")

    def __init__(self, rng: random.Random, workers: int) -> None:
        self._rng = rng
        self._workers = workers
        self.attacks: list[Attack] = []

    def counts(self) -> Counter[str]:
        """How often each act was done, and how far below the driver."""
        return Counter(f"{attack.act} at depth {attack.depth}" for attack in self.attacks)

    def attack(self, driver: psutil.Process) -> None:
        """Do something to a driver or to what is below it; nothing if there is nothing below yet."""
        act = self._rng.choice(self.ACTS)
        with contextlib.suppress(psutil.Error):
            if act == "stall driver":
                self._stall(driver)
                return
            levels = list_levels(driver)
            if not levels:
                return
            depth = self._rng.randrange(len(levels))
            if act == "kill all":
                self._note(act, 1, driver, self._workers)
                for process in (process for level in levels for process in level):
                    process.kill()
                return
            victim = self._rng.choice(levels[depth])
            # Whoever stands above others may take all of them down.
            self._note(act, depth + 1, victim, self._workers)
            victim.send_signal(signal.SIGSTOP if act == "freeze" else signal.SIGKILL)

    def end_driver(self, driver: psutil.Process, way: str) -> None:
        """Interrupt the driver, or kill it, after freezing somebody below it in one case of three.

        Args:
            driver: The driver.
            way: `INTERRUPT` or `KILL`.
        """
        with contextlib.suppress(psutil.Error):
            if way == INTERRUPT:
                self._note(INTERRUPT, 0, driver, 0)
                driver.send_signal(signal.SIGINT)
                return
            if self._rng.random() < 1 / 3 and (levels := list_levels(driver)):
                depth = self._rng.randrange(len(levels))
                victim = self._rng.choice(levels[depth])
                self._note("freeze before the driver's end", depth + 1, victim, self._workers)
                victim.send_signal(signal.SIGSTOP)
            self._note(KILL, 0, driver, self._workers)
            driver.kill()

    def _stall(self, driver: psutil.Process) -> None:
        self._note("stall driver", 0, driver, 0)
        driver.send_signal(signal.SIGSTOP)
        try:
            time.sleep(self._rng.uniform(0.05, 0.8))
        finally:
            driver.send_signal(signal.SIGCONT)

    def _note(self, act: str, depth: int, victim: psutil.Process, may_fail: int) -> None:
        self.attacks.append(Attack(act, time.time(), depth, victim.name(), may_fail))


def list_levels(driver: psutil.Process) -> list[list[psutil.Process]]:
    """What is below a driver: its children, their children, and so on."""
    levels = [driver.children()]
    while levels[-1]:
        below: list[psutil.Process] = []
        for process in levels[-1]:
            with contextlib.suppress(psutil.Error):
                below += process.children()
        levels.append(below)
    return levels[:-1]


def wait_until(condition: Callable[[], bool], limit: float) -> bool:
    """Whether a condition holds within ``limit`` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
