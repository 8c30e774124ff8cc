from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from retix.dashboard import start
from retix.errors import ConfigError, StoreError
from retix.space import Sample
from retix.store import Store
from retix.trial import Trial

PATIENCE = 30.0


def wait_until_silent(port: int) -> None:
    """Wait until nobody answers on a port."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.05)
    pytest.fail("the page is still there")


def test_the_page_follows_the_store(store: Store, port: int) -> None:
    """A page answers once it is started, shows what is recorded afterwards, and ends when it is closed."""
    with start(store.directory, port) as page:
        assert page.url == f"http://127.0.0.1:{port}/"
        assert "&lt;script&gt;alert(1)" in httpx.get(page.url).text
        store.add_trial(Trial(5, Sample()))
        assert httpx.get(f"{page.url}api/status").json()["counts"]["waiting"] == 1
        assert httpx.get(page.url, headers={"host": "evil.example"}).status_code == 400
        assert os.getsid(page._process.pid) != os.getsid(0)
    assert not page.is_alive
    page.close()
    wait_until_silent(port)
    assert (store.directory / "dashboard.log").read_text() == ""


def test_the_page_listens_on_this_machine_only(store: Store, port: int) -> None:
    """The other addresses of this machine get no connection."""
    with start(store.directory, port), socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_the_page_ends_with_its_driver(store: Store, port: int) -> None:
    """A driver that is killed takes its page along."""
    code = (
        "import sys, time; from retix.dashboard import start\n"
        "start(sys.argv[1], int(sys.argv[2])); print(flush=True); time.sleep(99)"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(store.directory), str(port)], stdout=subprocess.PIPE)
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"\n"
        assert httpx.get(f"http://127.0.0.1:{port}/api/status").json()["id"] == store.id
    finally:
        driver.kill()
        driver.communicate()
    wait_until_silent(port)


def test_a_taken_port_is_named(store: Store, port: int) -> None:
    """A port that another program listens on is refused before anything is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ConfigError, match=rf"the port {port} cannot be used(.|\n)*another port"):
            start(store.directory, port)
    assert not (store.directory / "dashboard.log").exists()


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_port_that_does_not_exist_is_refused(store: Store, port: int) -> None:
    """Ports go from 1 to 65535."""
    with pytest.raises(ConfigError, match=f"the port {port} does not exist"):
        start(store.directory, port)


def test_a_missing_experiment_has_no_page(tmp_path: Path, port: int) -> None:
    """A directory without an experiment is refused and left as it is."""
    with pytest.raises(StoreError, match="no experiment"):
        start(tmp_path, port)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_does_not_start_says_why(store: Store, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process said last is in the error."""
    broken = store.directory / "uvicorn"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('broken installation')")
    monkeypatch.setenv("PYTHONPATH", str(store.directory))
    with pytest.raises(ConfigError, match=r"did not start: RuntimeError: broken installation(.|\n)*dashboard\.log"):
        start(store.directory, port)
