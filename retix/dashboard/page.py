"""The page's process, as the driver sees it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from retix.dashboard.server import HOST, check_extra
from retix.errors import ConfigError
from retix.store import StoreReader

_LOG = "dashboard.log"

# In seconds.
_START_LIMIT = 30.0
_ANSWER_LIMIT = 2.0
_END_LIMIT = 5.0
_POLL = 0.05


class Page:
    """A page that is being served. Made by `start`; it ends with this process, or by `close`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self._port = port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{HOST}:{self._port}/"

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Return when the page has ended by itself."""
        self._process.wait()

    def close(self) -> None:
        """End the page and wait until it has ended; closing again does nothing."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for stop in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_END_LIMIT)
            except subprocess.TimeoutExpired:
                stop()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def start(directory: str | Path, port: int) -> Page:
    """Serve the page of an experiment from a process of its own, and return once it answers.

    What the process has to say goes to ``dashboard.log`` in the experiment's directory.

    Args:
        directory: The experiment's directory.
        port: Where to listen on 127.0.0.1, from 1 to 65535.

    Raises:
        ConfigError: The port cannot be used, the optional packages are missing, or the page did not start.
        StoreError: The experiment cannot be read.
    """
    check_port(port)
    reader = StoreReader(directory)
    reader.info()
    command = [sys.executable, "-m", "retix.dashboard", str(reader.directory), "--port", str(port), "--with-parent"]
    with (reader.directory / _LOG).open("wb") as log:
        # In a session of its own, Ctrl-C in the terminal reaches the driver alone, which ends the page when it is done.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    page = Page(process, port)
    try:
        _wait(process, port, reader)
    except BaseException:
        page.close()
        raise
    return page


def check_port(port: int) -> None:
    """Refuse a port on which no page can be served.

    Raises:
        ConfigError: The port does not exist or is in use, or the optional packages are missing.
    """
    check_extra()
    if not 1 <= port <= 65535:
        raise ConfigError(f"the port {port} does not exist", fix="use a port from 1024 to 65535")
    with socket.socket() as probe:
        # Without this, a port that a page has just left would count as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"the port {port} cannot be used: {error.strerror}",
                why="another program, perhaps another experiment's page, uses it",
                fix="give another port, or none to run without the page",
            ) from error


def _wait(process: subprocess.Popen[bytes], port: int, reader: StoreReader) -> None:
    """Wait until the page of this experiment, and no other program, answers."""
    deadline = time.monotonic() + _START_LIMIT
    while not _answers(port, reader.id):
        try:
            process.wait(_POLL)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
        log = reader.directory / _LOG
        raise ConfigError(
            f"the page on port {port} did not start: {_last_line(log)}",
            where=str(log),
            fix="give another port, or none to run without the page",
        )


def _answers(port: int, id: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_LIMIT)
    try:
        connection.request("GET", "/api/status")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and answer.get("id") == id


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it does not answer"
