"""``python -m retix.dashboard DIR --port P`` serves the page of the experiment in the directory DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retix.dashboard.server import serve
from retix.errors import RetixError


def main() -> None:
    """Serve a page as the command line says.

    Raises:
        SystemExit: The page cannot be served.
    """
    parser = argparse.ArgumentParser(prog="python -m retix.dashboard", description="Serve the page of an experiment.")
    parser.add_argument("directory", type=Path, metavar="DIR", help="the experiment's directory")
    parser.add_argument("--port", type=int, required=True, metavar="P", help="where to listen on 127.0.0.1")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    try:
        serve(arguments.directory, arguments.port, with_parent=arguments.with_parent)
    except RetixError as error:
        sys.exit(f"retix: {error}")


if __name__ == "__main__":
    main()
