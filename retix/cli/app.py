"""The command ``retix``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer

from retix.cli.benchmark import benchmark_command
from retix.cli.control import cancel_command, enqueue_command, pause_command, set_command, stop_command
from retix.cli.running import export_command, resume_command
from retix.cli.terminal import make_visible
from retix.cli.viewing import failures_command, list_command, show_command
from retix.errors import RetixError

app = typer.Typer(
    name="retix",
    help="Look into architecture searches, tell them what to do, go on with them, and take their models out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_command,
    "show": show_command,
    "failures": failures_command,
    "export": export_command,
    "resume": resume_command,
    "pause": pause_command,
    "stop": stop_command,
    "cancel": cancel_command,
    "set": set_command,
    "enqueue": enqueue_command,
    "benchmark": benchmark_command,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command ``retix``.

    Args:
        arguments: What stands behind ``retix`` on the command line; None takes it from there.

    Raises:
        SystemExit: Always; with 0, with 1 after an error of retix's own, or with 2 if the arguments have no meaning.
    """
    try:
        app(list(arguments) if arguments is not None else None, prog_name="retix")
    except (RetixError, OSError) as error:
        what = f"{error.what}; {error.fix}" if isinstance(error, RetixError) and error.fix else str(error)
        print(f"retix: {make_visible(what)}", file=sys.stderr)
        sys.exit(1)
