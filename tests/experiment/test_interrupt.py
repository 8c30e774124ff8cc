"""Ctrl-C, held back."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

import pytest

from retix.experiment.interrupt import deferred_interrupt


def interrupt() -> None:
    """What the terminal does at Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def fail() -> None:
    """The block raises by itself."""
    raise ZeroDivisionError


def run_block(*steps: Callable[[], None]) -> list[bool]:
    """Run the steps in a block; gives, before each step and at the end, whether an interrupt has come."""
    answers: list[bool] = []
    with contextlib.suppress(KeyboardInterrupt), deferred_interrupt() as is_interrupted:
        for step in steps:
            answers.append(is_interrupted())
            step()
        answers.append(is_interrupted())
    return answers


def enter_and_interrupt() -> None:
    """A block in which one interrupt comes."""
    with deferred_interrupt():
        interrupt()


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    """The block can ask for it, and is carried on."""
    assert run_block(lambda: None, interrupt, lambda: None) == [False, False, True, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_interrupt_comes_out_at_the_end() -> None:
    """It is not lost."""
    with pytest.raises(KeyboardInterrupt):
        enter_and_interrupt()


def test_a_second_interrupt_does_not_wait() -> None:
    """A block that hangs can be left."""
    assert run_block(interrupt, interrupt, lambda: None) == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_comes_first() -> None:
    """What the block raises is not replaced by the interrupt."""
    with pytest.raises(ZeroDivisionError):
        run_block(interrupt, fail)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    """The handler is back afterwards."""
    with deferred_interrupt() as is_interrupted:
        assert not is_interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_keeps_its_own_handler() -> None:
    """Whoever handles the signal already still does."""
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with deferred_interrupt() as is_interrupted:
            interrupt()
            assert not is_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_other_threads_are_left_alone() -> None:
    """Only the main thread may touch signals, and only it is interrupted."""
    asked = []

    def work() -> None:
        with deferred_interrupt() as is_interrupted:
            asked.append(is_interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
