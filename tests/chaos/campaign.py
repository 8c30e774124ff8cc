"""A search from its beginning to its end, with everything that is done to it on the way."""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from retix.errors import StoreError
from retix.store import StoreReader, list_ids
from tests.chaos.attack import INTERRUPT, KILL, TOKEN, Attack, Attacker, end_processes, find_processes, wait_until
from tests.chaos.driver import WORKERS, Plan

REPOSITORY = Path(__file__).parents[2]

# Seconds between looks at a driver.
_INTERVAL = 0.1

# Seconds that a search may go without any trial ending.
_STANDSTILL = 60.0

# Seconds that a driver may take to end.
_LAST_STEPS = 20.0

# The part of the budget at whose end nothing is done to the search any more, so that all slots must be seen at work.
_CALM = 0.05


class ChaosError(AssertionError):
    """The search did what it must never do."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is done to a search.

    Attributes:
        kills: How often its driver is killed.
        spacing: How many trials end between two attacks on what is below the driver, on average.
        copies: How often the directory is copied in the midst of writing, as a power loss would leave it.
        by_command: Whether every second driver is started by `retix resume` instead of the user's script.
    """

    kills: int
    spacing: float = 3.0
    copies: int = 2
    by_command: bool = True


@dataclass(slots=True)
class Campaign:
    """Carries out orders on a plan.

    Attributes:
        home: Where everything lies.
        plan: What is searched.
        orders: What is done to it.
        attacks: What was done, in order.
        copies: The copies of the experiment's directory.
        drivers: How many drivers there were.
        orphans: For each driver's end, how many seconds it took until nothing was left of it.
        problems: What drivers have left behind, in words.
    """

    home: Path
    plan: Plan
    orders: Orders
    attacks: list[Attack] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    drivers: int = 0
    orphans: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _ends: deque[tuple[int, str]] = field(default_factory=deque)
    _token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def reader(self) -> StoreReader:
        """Reads the experiment.

        Raises:
            IndexError: There is none yet.
        """
        return StoreReader(Path(self.plan.root) / list_ids(self.plan.root)[0])

    def run(self) -> None:
        """Search until the experiment has ended by itself; at the end, no process is left in any case.

        Raises:
            ChaosError: A driver failed, or stood still.
        """
        rng = random.Random(self.plan.seed)
        attacker = Attacker(rng, WORKERS)
        self.attacks = attacker.attacks
        self._prepare()
        self._plan_ends(rng)
        try:
            while not self._run_driver(attacker, rng):
                pass
        finally:
            end_processes(self._token)

    def resume_copy(self, number: int) -> StoreReader:
        """Go on with a copy, undisturbed, as after a loss of power; returns its reader.

        Raises:
            ChaosError: The driver failed.
        """
        home = self.copies[number]
        (id,) = list_ids(home / "root")
        log = home / "driver.log"
        # By the script: by command, the trials would leave their lines where the original's did.
        with self._driver([home / "plan.json", id], log, by_command=False) as driver:
            if driver.wait(timeout=600) != 0:
                raise ChaosError(f"a copy cannot be resumed:\n{_tail(log)}")
        return StoreReader(home / "root" / id)

    # -- one driver ---------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for folder in (self.plan.root, self.plan.records, self.home / "temporary"):
            Path(folder).mkdir(parents=True)
        self.plan.write(self.home / "plan.json")

    def _run_driver(self, attacker: Attacker, rng: random.Random) -> bool:
        """Start a driver and disturb it until it ends; whether it ended by itself."""
        self.drivers += 1
        log = self.home / f"driver-{self.drivers}.log"
        with self._driver(self._arguments(), log, by_command=self.orders.by_command) as driver:
            is_killed = self._disturb(driver, attacker, rng)
            try:
                code = driver.wait(timeout=_LAST_STEPS)
            except subprocess.TimeoutExpired:
                raise ChaosError(
                    f"driver {self.drivers} did not end in {_LAST_STEPS:g} s; {attacker.attacks[-3:]}"
                ) from None
        if not is_killed and code != 0:
            raise ChaosError(f"driver {self.drivers} ended with {code}:\n{_tail(log)}")
        begin = time.monotonic()
        if not wait_until(lambda: not find_processes(self._token), limit=15.0):
            left = [(p.pid, p.status(), " ".join(p.cmdline())[:100]) for p in find_processes(self._token)]
            how = "was killed" if is_killed else "ended"
            self.problems.append(f"15 s after driver {self.drivers} {how}, it has left {left}; {self.attacks[-3:]}")
            end_processes(self._token)
        self.orphans.append(time.monotonic() - begin)
        return not is_killed

    def _disturb(self, driver: subprocess.Popen[bytes], attacker: Attacker, rng: random.Random) -> bool:
        """Do harm until the driver ends; whether it was killed."""
        process = psutil.Process(driver.pid)
        limit, way = self._ends.popleft() if self._ends else (math.inf, KILL)
        copy_at = limit - rng.randrange(1, 5) if len(self.copies) < self.orders.copies else math.inf
        ended, last_change = self._count_ended(), time.monotonic()
        # Counted in trials: by the clock, a busy machine would only ever be attacked while it starts a worker.
        next_attack = ended + rng.expovariate(1 / self.orders.spacing)
        while driver.poll() is None:
            count = self._count_ended()
            if count != ended:
                ended, last_change = count, time.monotonic()
            if time.monotonic() - last_change > _STANDSTILL:
                raise ChaosError(f"no trial has ended for {_STANDSTILL:g} s, after {ended}; {self.attacks[-3:]}")
            if ended >= copy_at:
                copy_at = math.inf
                self._copy(process)
            if ended >= limit:
                attacker.end_driver(process, way)
                return True
            if ended >= next_attack and ended < self.plan.trials * (1 - _CALM):
                attacker.attack(process)
                next_attack = ended + rng.expovariate(1 / self.orders.spacing)
            time.sleep(_INTERVAL)
        return False

    def _plan_ends(self, rng: random.Random) -> None:
        """Choose after how many trials drivers end, and how; one in six is interrupted instead of killed."""
        ways = [KILL] * self.orders.kills + [INTERRUPT] * (self.orders.kills // 5)
        rng.shuffle(ways)
        mean = self.plan.trials * (1 - _CALM) / (len(ways) + 1)
        self._ends = deque((int(mean * (index + rng.uniform(0.6, 1.4))), way) for index, way in enumerate(ways, 1))

    def _arguments(self) -> list[str | Path]:
        ids = list_ids(self.plan.root)
        return [self.home / "plan.json", *ids]

    @contextmanager
    def _driver(self, arguments: list[str | Path], log: Path, *, by_command: bool) -> Iterator[subprocess.Popen[bytes]]:
        """A driver; it is killed if the block raises."""
        command = [sys.executable, "-m", "tests.chaos.driver", *map(str, arguments)]
        if by_command and self.drivers % 2 == 0 and len(arguments) > 1:
            command = [sys.executable, "-m", "retix", "resume", str(arguments[1]), "--dir", self.plan.root]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, cwd=REPOSITORY, env=self._environment(), stdout=output, stderr=output, start_new_session=True
            ) as driver,
        ):
            try:
                yield driver
            except BaseException:
                driver.kill()
                raise

    def _environment(self) -> Mapping[str, str]:
        temporary = str(self.home / "temporary")
        own = {TOKEN: self._token, "TMPDIR": temporary, "PYTHONPATH": str(REPOSITORY)}
        return {**os.environ, **own}

    def _count_ended(self) -> int:
        if not list_ids(self.plan.root):
            return 0
        with suppress(StoreError):  # it may be at the very beginning
            return sum(count for state, count in self.reader.counts().items() if state.is_final)
        return 0

    def _copy(self, driver: psutil.Process) -> None:
        """Copy the directory as it is at one moment: the driver stands still meanwhile, in whatever it was doing."""
        home = self.home / f"copy-{len(self.copies)}"
        driver.suspend()
        try:
            shutil.copytree(self.plan.root, home / "root", symlinks=True)
            shutil.copytree(self.plan.records, home / "records")
        finally:
            driver.resume()
        Plan(**{**_fields(self.plan), "root": str(home / "root"), "records": str(home / "records")}).write(
            home / "plan.json"
        )
        self.copies.append(home)


def _fields(plan: Plan) -> dict[str, object]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
