"""The lock of an experiment's driver, and who holds it.

The operating system's own locks end with the process that holds them, however it ends. Which one is taken depends on
the file system: ``flock`` on a local disk, locks of byte ranges on one that machines share, ``msvcrt`` on Windows.
Where none of them works, the text in the file decides: who holds it lives, as far as this machine can tell.

On Windows, and with the locks of byte ranges of systems other than Linux, none of this has been tried.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from retix.errors import StoreError
from retix.store.filesystem import is_network
from retix.store.layout import LOCK
from retix.store.process import read_start_mark

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Seconds to wait for what a driver that has just died leaves behind: what it forked shares its lock until it ends too.
_PATIENCE = 5.0

# Seconds to wait in any case: a reader that asks who holds an experiment holds it for an instant.
_INSTANT = 0.2
_PAUSE = 0.02

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_FAR = 1 << 30  # Windows lets nobody read the bytes that are locked: this one lies behind the text


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an experiment.

    Attributes:
        pid: Its process id.
        host: The name of its machine.
        mark: What `read_start_mark` says of it.
        since: Since when, in seconds since the epoch.
    """

    pid: int
    host: str
    mark: str
    since: float

    @property
    def is_gone(self) -> bool:
        """Whether it is known to have ended; of a process on another machine nothing is known."""
        return self.host == socket.gethostname() and read_start_mark(self.pid) != self.mark


class DriverLock:
    """Holds an experiment until `release`, or until this process and what it forked have ended, however they did.

    Args:
        directory: The experiment's directory.
        shared: Whether the directory lies on a file system that machines share.
        patience: Seconds to wait where the holder itself is gone.

    Raises:
        StoreError: Another driver holds it, or the file cannot be made.
    """

    def __init__(self, directory: Path, *, shared: bool = False, patience: float = _PATIENCE) -> None:
        path = directory / LOCK
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise StoreError(
                f"the experiment {directory.name!r} cannot be held: {error}",
                where=str(path),
                fix="check that the directory belongs to you and can be written",
            ) from error
        try:
            self._hold(directory, _locking(shared), patience)
            self._write(Holder(os.getpid(), socket.gethostname(), read_start_mark(os.getpid()) or "", time.time()))
        except BaseException:
            os.close(self._descriptor)
            raise

    def _hold(self, directory: Path, locking: Locking, patience: float) -> None:
        begin = time.monotonic()
        while True:
            try:
                locking(self._descriptor, "take")
                self._locking = locking
                return
            except OSError as error:
                holder = read_holder(directory)
                if error.errno not in _TAKEN:
                    if holder is None or holder.is_gone:
                        self._locking = _lock_nothing
                        return
                    raise _refusal(directory, holder) from error
                # None: it has not written yet who it is.
                is_settled = holder is not None and not holder.is_gone
                if time.monotonic() - begin > (_INSTANT if is_settled else patience):
                    raise _refusal(directory, holder) from error
            time.sleep(_PAUSE)

    def _write(self, holder: Holder) -> None:
        text = json.dumps(asdict(holder)).encode()
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text)
        os.fsync(self._descriptor)

    def release(self) -> None:
        """Let go; releasing again does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            # A worker that was forked shares the open file, and closing it here alone would not let go.
            self._locking(descriptor, "release")
        finally:
            os.close(descriptor)


def read_holder(directory: Path) -> Holder | None:
    """Who holds an experiment, or held it when it died; None where nobody does."""
    try:
        data = json.loads((directory / LOCK).read_text())
        return Holder(int(data["pid"]), str(data["host"]), str(data["mark"]), float(data["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(directory: Path) -> bool | None:
    """Whether any process holds an experiment, on whatever machine; None if that cannot be found out.

    Args:
        directory: The experiment's directory.
    """
    locking = _locking(is_network(directory))
    if locking not in _TESTABLE:
        return None
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        locking(descriptor, "share")
        locking(descriptor, "release")
    except OSError as error:
        return True if error.errno in _TAKEN else None
    finally:
        os.close(descriptor)
    return False


def _refusal(directory: Path, holder: Holder | None) -> StoreError:
    why, fix = "another driver holds it", "wait until that one ends, or stop it"
    if holder is not None:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.since))
        why = f"process {holder.pid} on host {holder.host!r} drives it since {since}"
        fix = f"wait until it ends, or stop it: retix stop {directory.name}"
        if holder.is_gone:
            why = (
                f"its driver, process {holder.pid} on this host, is gone, but a process that it started still holds it"
            )
            fix = "end the processes that are left over of it, and try again"
        elif holder.host != socket.gethostname():
            fix += f"; if that process is known to be gone, delete the file {LOCK}"
    return StoreError(f"the experiment {directory.name!r} is being run already", where=str(directory), why=why, fix=fix)


_Wish: TypeAlias = Literal["take", "share", "release"]

Locking: TypeAlias = Callable[[int, _Wish], None]
"""Takes the lock of an open file, shares it with others that share it, or lets it go; never waits."""


def _lock_nothing(descriptor: int, wish: _Wish) -> None:
    """Where the file system knows no locks."""


if sys.platform == "win32":

    def _locking(shared: bool) -> Locking:
        return _lock_byte

    def _lock_byte(descriptor: int, wish: _Wish) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK if wish == "release" else msvcrt.LK_NBLCK, 1)

    _TESTABLE: tuple[Locking, ...] = ()

else:
    _FLAGS = {"take": fcntl.LOCK_EX | fcntl.LOCK_NB, "share": fcntl.LOCK_SH | fcntl.LOCK_NB, "release": fcntl.LOCK_UN}
    _KINDS = {"take": fcntl.F_WRLCK, "share": fcntl.F_RDLCK, "release": fcntl.F_UNLCK}

    def _locking(shared: bool) -> Locking:
        if not shared:
            return _lock_file
        return _lock_range if hasattr(fcntl, "F_OFD_SETLK") and sys.maxsize > 2**32 else _lock_process

    def _lock_file(descriptor: int, wish: _Wish) -> None:
        fcntl.flock(descriptor, _FLAGS[wish])

    def _lock_range(descriptor: int, wish: _Wish) -> None:
        """Lock the range through the open file: unlike `_lock_process` it also holds between threads of a process."""
        # Linux's struct flock on 64 bits: type, whence, start, length, pid.
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", _KINDS[wish], os.SEEK_SET, 0, 0, 0))

    def _lock_process(descriptor: int, wish: _Wish) -> None:
        fcntl.lockf(descriptor, _FLAGS[wish])

    # To ask by the others would take the lock from a driver in the same process, or from the reader's.
    _TESTABLE: tuple[Locking, ...] = (_lock_file, _lock_range)
