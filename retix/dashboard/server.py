"""The page's web server; it listens on this machine only and changes nothing."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retix.dashboard.status import read_status
from retix.dashboard.view import STYLE, render_error, render_page
from retix.errors import ConfigError, StoreError
from retix.store import StoreReader, describe_trial

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI, Request, Response

HOST = "127.0.0.1"
"""The address that the page listens on."""

_LATEST = 100
_LARGEST_PAGE = 1000
_LARGEST_OFFSET = 2**62

_HEADERS = {
    # A label or a message that got past the escaping could still load and run nothing.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def check_extra() -> None:
    """Check that the optional packages of the page are installed.

    Raises:
        ConfigError: One of them is not.
    """
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the page needs {' and '.join(missing)}",
            why="the packages of the page are optional",
            fix="pip install 'retix[dashboard]', or run without a port",
        )


def build_app(reader: StoreReader) -> FastAPI:
    """The page's application.

    ``/`` is the page, ``/api/status`` how the experiment stands, ``/api/trials?offset&limit`` a page of its trials.

    Args:
        reader: The experiment.
    """
    from fastapi import FastAPI, Query
    from fastapi.middleware.trustedhost import TrustedHostMiddleware

    # Interactive documentation would load its scripts from the internet.
    app = FastAPI(title="retix", docs_url=None, redoc_url=None, openapi_url=None)
    # A site of an attacker's, whose name is made to lead to this machine, sends its own name as the host.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", HOST], www_redirect=False)
    app.middleware("http")(_add_headers)
    app.exception_handler(StoreError)(_explain)

    @app.get("/", response_model=None)
    def show_page() -> Response:
        return _respond(render_page(read_status(reader), reader.trials(0, _LATEST, "newest")), "text/html")

    @app.get("/style.css", response_model=None)
    def show_style() -> Response:
        return _respond(STYLE, "text/css")

    @app.get("/api/status", response_model=None)
    def show_status() -> Response:
        return _respond_json(read_status(reader).to_json())

    @app.get("/api/trials", response_model=None)
    def show_trials(
        offset: int = Query(0, ge=0, le=_LARGEST_OFFSET), limit: int = Query(_LATEST, ge=0, le=_LARGEST_PAGE)
    ) -> Response:
        trials = [describe_trial(trial) for trial in reader.trials(offset, limit)]
        total = sum(reader.counts().values())
        return _respond_json({"offset": offset, "limit": limit, "total": total, "trials": trials})

    return app


def serve(directory: Path, port: int, *, with_parent: bool) -> None:
    """Serve the page of an experiment until the process is told to end.

    Args:
        directory: The experiment's directory.
        port: Where to listen, from 1 to 65535.
        with_parent: Whether to end when standard input does, which the driver holds open while it lives.

    Raises:
        ConfigError: An optional package is missing.
        StoreError: The experiment cannot be read.
    """
    check_extra()
    import uvicorn

    reader = StoreReader(directory)
    reader.info()
    config = uvicorn.Config(
        build_app(reader), host=HOST, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    if with_parent:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run()


def _end_with_input(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    server.should_exit = True


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


async def _explain(request: Request, error: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return _respond_json({"error": str(error)}, 503)
    return _respond(render_error(str(error)), "text/html", 503)


def _respond_json(value: Any, status: int = 200) -> Response:
    # In ASCII, so that text without a UTF-8 form, such as half of a broken file name, does no harm.
    return _respond(json.dumps(value, allow_nan=False), "application/json", status)


def _respond(text: str, media_type: str, status: int = 200) -> Response:
    from fastapi import Response

    return Response(text.encode("utf-8", "backslashreplace"), status, media_type=media_type)
