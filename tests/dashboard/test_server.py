from __future__ import annotations

import asyncio
import importlib.util
import shutil
from typing import Any

import httpx
import pytest

from retix.dashboard.server import build_app, check_extra
from retix.errors import ConfigError
from retix.store import Store, StoreReader
from retix.trial import TrialState


def get(store: Store, path: str, host: str = "127.0.0.1:8080") -> httpx.Response:
    """Ask the application of an experiment, in this process."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(StoreReader(store.directory)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.get(path, headers={"host": host})

    return asyncio.run(ask())


def test_the_page_runs_nothing(store: Store) -> None:
    """Hostile text arrives escaped, under a policy that would load and run nothing."""
    response = get(store, "/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in response.text


@pytest.mark.parametrize("path", ["/", "/style.css", "/api/status", "/api/trials", "/absent", "/api/trials?limit=x"])
def test_every_answer_has_the_policy(store: Store, path: str) -> None:
    """Errors and styles too are neither sniffed nor kept."""
    headers = get(store, path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_the_style_is_a_file_of_its_own(store: Store) -> None:
    """The policy allows no style inside the page."""
    response = get(store, "/style.css")
    assert response.headers["content-type"].startswith("text/css")
    assert "<style" not in get(store, "/").text


def test_the_status_is_strict_json(store: Store) -> None:
    """The status has the counts, the best trial and the budget."""
    status = get(store, "/api/status").json()
    assert (status["id"], status["state"], status["counts"]["succeeded"]) == (store.id, "running", 1)
    assert status["best"]["metrics"] == {"default": 0.25, "nan": None}
    assert status["budget"]["max_trial_number"] == 8


def test_the_trials_come_in_pages(store: Store) -> None:
    """A page has the trials of its place in the order of their ids, and the total."""
    page = get(store, "/api/trials?offset=1&limit=2").json()
    assert (page["offset"], page["limit"], page["total"]) == (1, 2, 4)
    assert [(trial["id"], trial["state"]) for trial in page["trials"]] == [
        (2, TrialState.DUPLICATE),
        (3, TrialState.FAILED),
    ]
    assert len(get(store, "/api/trials").json()["trials"]) == 4
    assert get(store, f"/api/trials?offset={2**62}").json()["trials"] == []


@pytest.mark.parametrize("query", ["offset=-1", "limit=-1", "limit=1001", "limit=x", f"offset={2**63}"])
def test_a_page_without_meaning_is_refused(store: Store, query: str) -> None:
    """Nothing negative, nothing huge."""
    assert get(store, f"/api/trials?{query}").status_code == 422


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:8080", 400),
        ("", 400),
    ],
)
def test_only_this_machine_is_a_host(store: Store, host: str, code: int) -> None:
    """A foreign name that leads to this machine gets no answer."""
    assert get(store, "/api/status", host).status_code == code


def test_a_vanished_experiment_is_told(store: Store) -> None:
    """If the directory is gone, page and API say so and do not fail."""
    shutil.rmtree(store.directory)
    for path in ("/", "/api/status"):
        response = get(store, path)
        assert response.status_code == 503
        assert "there is no experiment" in response.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_nothing_else_is_served(store: Store, path: str) -> None:
    """The framework's own pages, which load scripts from elsewhere, are off."""
    assert get(store, path).status_code == 404


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional packages the message says which, and how to install them."""
    found: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    with pytest.raises(ConfigError, match=r"the page needs uvicorn\n(.|\n)*pip install 'retix\[dashboard\]'"):
        check_extra()
