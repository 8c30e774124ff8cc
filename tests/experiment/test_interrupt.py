"""Ctrl-C, held back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from retix.experiment.interrupt import deferred_interrupt


def interrupt() -> None:
    """What the terminal does at Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    """The block can ask for it, is carried on, and raises it at its end."""
    asked = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as is_interrupted:
        asked.append(is_interrupted())
        interrupt()
        asked.append(is_interrupted())
    assert asked == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait() -> None:
    """A block that hangs can be left."""
    reached = False
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        interrupt()
        interrupt()
        reached = True
    assert not reached


def test_an_error_of_the_block_comes_first() -> None:
    """What the block raises is not replaced by the interrupt."""
    with pytest.raises(ZeroDivisionError), deferred_interrupt():
        interrupt()
        raise ZeroDivisionError
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
