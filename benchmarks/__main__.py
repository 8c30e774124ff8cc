"""``python -m benchmarks [name ...]``: run benchmarks, all of them by default, and print what they found."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable

import torch
from rich.console import Console

from benchmarks import (
    ask,
    compile,
    edit,
    generated,
    inheritance,
    listing,
    memory,
    sample,
    scale,
    symbolic,
    trials,
    two_objectives,
)
from benchmarks.report import Report, format_seconds

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "trials": trials.run,
    "compile": compile.run,
    "edit": edit.run,
    "generated": generated.run,
    "scale": scale.run,
    "sample": sample.run,
    "symbolic": symbolic.run,
    "memory": memory.run,
    "listing": listing.run,
    "ask": ask.run,
    "inheritance": inheritance.run,
    "two_objectives": two_objectives.run,
}


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure retix beside its like.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all by default")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    torch.set_num_threads(1)  # as in a worker; two threads on shared cores wait for each other more than they compute
    console = Console(highlight=False)
    console.print(describe_machine())
    for name in names:
        begin = time.perf_counter()
        console.rule(name)
        console.print(BENCHMARKS[name]())
        console.print(f"[dim]{name} took {format_seconds(time.perf_counter() - begin)}[/dim]")


def describe_machine() -> str:
    """The machine in one line, with how busy it was in the last minute."""
    cores = len(os.sched_getaffinity(0))
    parts = [
        f"{cores} cores, load {os.getloadavg()[0]:.1f}",
        f"torch {torch.__version__}, {torch.get_num_threads()} thread",
        f"python {platform.python_version()}",
        platform.system(),
    ]
    return "; ".join(parts)


if __name__ == "__main__":
    main()
