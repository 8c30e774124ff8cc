"""The connection to a Ray cluster."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from retix.errors import ConfigError, ExecutionError, UnavailableError
from retix.execution.ray.demand import Demand

_USAGE = "RAY_USAGE_STATS_ENABLED"
_STORE = 128 * 2**20  # what a cluster of its own sends is small: all its files lie on the same disk

_KNOCK = 10.0  # seconds to wait for an answer from the head node


class Cluster:
    """A connection to a Ray cluster, which is ended by `close` only if it was made here.

    Args:
        address: As ``ray.init`` takes it. None uses the connection that this process has; else the cluster that the
            variable ``RAY_ADDRESS`` names; else a cluster is started on this machine, which ends with this process.
        runtime_env: What Ray installs on the nodes before it runs anything there.
        slots: How many trials a cluster that is started must have room for.
        demand: What each of them takes.

    Attributes:
        ray: The module.
        runtime_env: What is left to be asked for by each actor.

    Raises:
        UnavailableError: Ray is not installed.
        ConfigError: The runtime environment needs a connection of its own.
        ExecutionError: The cluster cannot be reached or started.
    """

    def __init__(self, address: str | None, runtime_env: Mapping[str, Any] | None, slots: int, demand: Demand):
        self.ray: Any = import_ray()
        self.runtime_env: dict[str, Any] | None = None
        self._is_own = not self.ray.is_initialized()
        self._looked = -1.0
        self._available: dict[str, float] = {}
        environment = dict(runtime_env) if runtime_env else None
        if not self._is_own:
            _refuse_folders(environment)
            self.runtime_env = environment
            return
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        room = {} if address != "local" else _room_for(slots, demand)
        try:
            _knock(address)
            with _without_usage_report(), _keeping_sigterm():
                self.ray.init(
                    address=address,
                    runtime_env=environment,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **room,
                )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise ExecutionError(
                f"no connection to the Ray cluster {address!r}: {error}",
                why="the address is wrong, the cluster is down, or its version of Ray or Python is another",
                fix="look at `ray status` on the head node, or leave the address out to start a cluster here",
            ) from error
        if room and demand.gpus > self.ray.cluster_resources().get("GPU", 0.0):
            self.close()
            raise ConfigError(
                f"each trial asks for {demand.gpus:g} GPUs, and this machine has fewer",
                fix="lower the GPUs per trial, or give the address of a cluster that has them",
            )

    def describe_want(self, demand: Demand) -> str:
        """What keeps the cluster from giving what is demanded, in words; asks the cluster at most once a second."""
        if time.monotonic() - self._looked > 1.0:
            self._looked = time.monotonic()
            with contextlib.suppress(Exception):  # ray raises whatever its head node raised; the words can wait
                self._available = self.ray.available_resources()
        wanted = demand.to_resources()
        missing = {name: amount for name, amount in wanted.items() if self._available.get(name, 0.0) < amount}
        if not missing:
            return f"a process on a node that has {_list(wanted)}"
        free = {name: self._available.get(name, 0.0) for name in missing}
        return f"{_list(missing)} (free now: {_list(free)})"

    def close(self) -> None:
        """End the connection, and the cluster with it if it was started here."""
        if self._is_own and self.ray.is_initialized():
            self.ray.shutdown()


def import_ray() -> Any:
    """The module ``ray``.

    Raises:
        UnavailableError: It is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UnavailableError(
            f"the Ray engine needs ray, which cannot be imported: {error}", fix="pip install 'retix[ray]'"
        ) from error


def _room_for(slots: int, demand: Demand) -> dict[str, Any]:
    """What a cluster on this machine offers: like the local engine, as many trials at a time as were asked for."""
    resources = {name: amount * slots for name, amount in demand.custom.items()}
    return {
        "num_cpus": max(os.cpu_count() or 1, -int(-demand.cpus * slots // 1)),
        "resources": resources or None,
        "object_store_memory": _STORE,
        "include_dashboard": False,
    }


def _knock(address: str) -> None:
    """Find out in seconds that nobody listens: Ray would try for many minutes, and say nothing.

    Raises:
        OSError: Nobody listens at the host and port.
    """
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if separator and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()


def _refuse_folders(environment: Mapping[str, Any] | None) -> None:
    """Ray uploads folders when a connection is made, and never after."""
    values = environment or {}
    folders = [values.get("working_dir"), *(values.get("py_modules") or ())]
    for folder in folders:
        if folder is not None and "://" not in str(folder):
            raise ConfigError(
                f"runtime_env names the folder {str(folder)!r}, and this process is connected to Ray already",
                why="Ray uploads folders when a connection is made",
                fix="give it to your ray.init(runtime_env=...), or leave the connection to retix",
            )


@contextlib.contextmanager
def _without_usage_report() -> Iterator[None]:
    """A cluster that is started in here sends no usage report, unless the user's environment says otherwise."""
    if _USAGE in os.environ:
        yield
        return
    os.environ[_USAGE] = "0"
    try:
        yield
    finally:
        os.environ.pop(_USAGE, None)


@contextlib.contextmanager
def _keeping_sigterm() -> Iterator[None]:
    """Put the user's own answer to SIGTERM back, which Ray replaces."""
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if is_main and callable(handler):
        signal.signal(signal.SIGTERM, handler)


def _list(resources: Mapping[str, float]) -> str:
    return ", ".join(
        f"{amount / 2**30:.3g} GiB of memory" if name == "memory" else f"{amount:g} {name}"
        for name, amount in resources.items()
    )
