from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

WATCH = "from retix.execution.liveness import {name} as watch\nwatch(int(sys.argv[1]))\n"


@pytest.mark.parametrize("name", ["watch_driver", "kill_by_thread"])
@pytest.mark.parametrize("is_early", [False, True])
def test_the_process_ends_with_the_driver(name: str, is_early: bool) -> None:
    """When the other end of the pipe closes, before or after the watch began, the process is killed."""
    reading, writing = os.pipe()
    script = "import sys, time\n" + WATCH.format(name=name) + "print('watching', flush=True)\ntime.sleep(600)\n"
    command = [sys.executable, "-c", script, str(reading)]
    with subprocess.Popen(command, pass_fds=[reading], start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.close(reading)
        if not is_early:
            assert process.stdout.readline() == b"watching\n"
        os.close(writing)
        assert process.wait(60) == -signal.SIGKILL


def test_a_stopped_process_is_woken() -> None:
    """When the other end of the pipe closes, a process that a signal has stopped goes on."""
    reading, writing = os.pipe()
    script = (
        "import os, signal, sys\nfrom retix.execution.liveness import wake_by_kernel\n"
        "assert wake_by_kernel(int(sys.argv[1]))\nprint('stopping', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\nprint('going on', flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(reading)]
    with subprocess.Popen(command, pass_fds=[reading], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.close(reading)
        assert process.stdout.readline() == b"stopping\n"
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.close(writing)
        assert process.stdout.readline() == b"going on\n"
