"""Workers started as new processes, each of which imports torch: everywhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from retix.execution.handover import hand_over
from retix.execution.kept_worker import KeptWorker
from retix.execution.launcher import Launcher, close_all
from retix.execution.liveness import open_again, wake_other
from retix.execution.message import Care, Welcome


class SpawnLauncher(Launcher):
    """Starts a keeper, which starts its worker; each worker takes seconds to import torch.

    Tested on Linux, also without what only Linux has; macOS and Windows take the same path and are not tested. There,
    a process that a trial started, and whose parent had ended before anybody saw it, can stay when the trial is over.
    See `Launcher` for arguments.
    """

    def __init__(self, environment: Mapping[str, str], welcome: Welcome, care: Care):
        super().__init__(environment, welcome, care)
        self._count = 0
        self._keepers: dict[int, subprocess.Popen[bytes]] = {}

    def launch(self, environment: Mapping[str, str]) -> KeptWorker:
        self._count += 1
        try:
            mine, theirs = Pipe()
            keeper, their_keeper = Pipe()
            own = open_again(self._lifeline.fileno())
            lifeline = self._lifeline if own is None else Connection(own, writable=False)
            words, options = hand_over(their_keeper, theirs, lifeline)
            command = [sys.executable, "-P", "-m", "retix.execution.keeper", *words]
            process = subprocess.Popen(
                command,
                env={**self._environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                **options,
            )
        except OSError as error:
            raise self._make_error(error) from error
        if own is not None:
            wake_other(own, process.pid)
            lifeline.close()
        close_all((theirs, their_keeper))
        self._keepers[self._count] = process
        worker = KeptWorker(self._count, mine, keeper, self._is_gone, self._kill)
        try:
            keeper.send(self._care)
            mine.send(self._welcome)
        except OSError:
            worker.is_over = True  # it died at once, which the slot finds out
        return worker

    @property
    def waitables(self) -> list[Any]:
        return []

    def collect(self) -> None:
        """Nothing is to be known but what the keepers say themselves."""

    def describe(self) -> str:
        return ""

    def has_started(self, worker: KeptWorker) -> bool:
        return True

    def replace_frozen(self) -> None:
        """Nothing stands between the driver and the keepers."""

    def list_keepers(self) -> list[int]:
        return [process.pid for process in self._keepers.values()]

    def close_processes(self) -> bool:
        left = list(self._keepers.values())
        for process in left:
            process.kill()
            process.wait()
        self._keepers.clear()
        return not left

    def _is_gone(self, worker: KeptWorker) -> bool:
        process = self._keepers.get(worker.number)
        if process is None:
            return True
        if process.poll() is None:
            return False
        del self._keepers[worker.number]
        if process.returncode != 0:
            self.sweep()  # it was killed, and could not clean up
        return True

    def _kill(self, worker: KeptWorker) -> None:
        process = self._keepers.get(worker.number)
        if process is not None:
            process.kill()
