from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from retix.errors import UnavailableError
from retix.execution import RayEngine
from tests.execution.processes import is_running, wait_until

ROOT = Path(__file__).parents[3]

# Connections belong to a process, so each script is one of its own.
BEGIN = """\
import sys
from pathlib import Path

import psutil
import ray

from retix.errors import ConfigError, ExecutionError
from retix.execution import RayEngine
from retix.trial import Finished, Reported
from tests.execution.jobs import MODEL, events_until, hang, make_job


def finish(engine, **fields):
    engine.submit(make_job(Path("out"), lambda model_cls: float(model_cls() is not None), **fields))
    return events_until(engine, lambda events: len(events) == 2)[-1]


def expect(error, words, *arguments, **settings):
    try:
        RayEngine(*arguments, **settings)
    except error as raised:
        assert words in str(raised), raised
    else:
        raise AssertionError("nothing was raised")


"""

CONNECTED = """\
expect(ExecutionError, "no connection to the Ray cluster '127.0.0.1:9'", 1, address="127.0.0.1:9")

source = MODEL.replace("import torch\\n", "import sent_along\\nimport torch\\n")
with RayEngine(1, address=sys.argv[1], resources={"CPU": 0}, runtime_env={"working_dir": "folder"}) as engine:
    last = finish(engine, source=source)
    assert isinstance(last, Finished), last
assert not ray.is_initialized()

ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
expect(ConfigError, "connected to Ray already", 1, runtime_env={"working_dir": "folder"})
with RayEngine(1, resources={"CPU": 0}) as engine:
    last = finish(engine)
    assert isinstance(last, Finished), last
assert ray.is_initialized()
print("done")
"""

ALONE = """\
with RayEngine(1) as engine:
    expect(ConfigError, "connected to Ray already", 1, runtime_env={"working_dir": "folder"})
    engine.submit(make_job(Path("out"), hang))
    events_until(engine, lambda events: any(isinstance(event, Reported) for event in events))
    children = psutil.Process().children(recursive=True)
    # Ray's own agents find out by themselves that their node is gone, after a minute.
    print(*(child.pid for child in children if "Agent" not in " ".join(child.cmdline())), flush=True)
    sys.stdin.read()
"""


@contextmanager
def running(script: Path, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script, which is killed if it does not end."""
    script.write_text(BEGIN + text)
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, str(script), *arguments]
    pipe = subprocess.PIPE
    driver = subprocess.Popen(
        command,
        cwd=script.parent,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    with driver:
        try:
            yield driver
        finally:
            driver.kill()


def test_connections(cluster: Cluster, tmp_path: Path) -> None:
    """A runtime environment brings modules; a connection that is there is used, and stays; one that fails is named."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "sent_along.py").write_text("VALUE = 42.0\n")
    with running(tmp_path / "script.py", CONNECTED, cluster.address) as driver:
        output, errors = driver.communicate(timeout=180)
    assert (driver.returncode, output) == (0, "done\n"), errors


@pytest.mark.parametrize("kill", [False, True], ids=["ends", "killed"])
def test_a_cluster_of_its_own(tmp_path: Path, kill: bool) -> None:
    """Without an address a cluster is started here; nothing is printed, and with the script every process goes."""
    with running(tmp_path / "script.py", ALONE) as driver:
        assert driver.stdout is not None
        line = driver.stdout.readline()
        processes = [int(word) for word in line.split()]
        if kill:
            driver.kill()
        output, errors = driver.communicate(timeout=60)
    assert (output, errors) == ("", "")
    assert len(processes) > 3
    assert driver.returncode == (-signal.SIGKILL if kill else 0)
    wait_until(lambda: not any(is_running(process) for process in processes))


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ray is not installed, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnavailableError, match=r"pip install 'retix\[ray\]'"):
        RayEngine(1)
