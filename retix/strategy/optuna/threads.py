"""How many threads torch computes with. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread for a while.

    That is a setting of the process. Threads share the work of one operation, and wait for each other by spinning: on
    matrices of some tens of rows, beside workers that have all cores busy, they take ten times as long as one alone.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
