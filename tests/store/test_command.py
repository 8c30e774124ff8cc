from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from retix.errors import StoreError
from retix.store import ExperimentState, Store, StoreReader, send_command, wait_for_answer
from retix.store.command import LARGEST
from tests.store.conftest import create


def write(store: Store, name: str, text: str | bytes) -> Path:
    """Put a file among the commands as a hostile program would."""
    path = store.directory / "commands" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def waiting(store: Store) -> list[str]:
    """The names of the files among the commands."""
    return sorted(path.name for path in (store.directory / "commands").iterdir())


def test_a_command_is_taken_once_and_answered(store: Store) -> None:
    """The driver sees what another process sent, once; its answer is what the sender hears, and the file is gone."""
    code = "import sys; from retix.store import send_command; print(send_command(sys.argv[1], 'cancel', {'trial': 3}))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.directory)], capture_output=True, text=True, check=True, timeout=60
    )
    (command,) = store.take_commands()
    assert (command.id, command.name, command.arguments) == (done.stdout.strip(), "cancel", {"trial": 3})
    assert store.take_commands() == []
    assert StoreReader(store.directory).command(command.id) is None
    store.answer_command(command.id, True, "trial 3 is cancelled")
    answer = wait_for_answer(store.directory, command.id, 0.0)
    assert (answer.ok, answer.text, answer.name, answer.arguments) == (
        True,
        "trial 3 is cancelled",
        "cancel",
        {"trial": 3},
    )
    assert answer.sent <= answer.answered
    assert StoreReader(store.directory).commands() == [answer]
    assert waiting(store) == []


def test_commands_keep_their_order(store: Store) -> None:
    """Commands of one sender are taken in the order in which they were sent."""
    ids = [send_command(store.directory, "set", {"max_trial_number": number}) for number in range(20)]
    assert [command.id for command in store.take_commands()] == ids


def test_waiting_ends_with_the_answer(store: Store) -> None:
    """A sender that waits hears the answer as soon as the driver gives it."""
    id = send_command(store.directory, "pause")

    def answer() -> None:
        time.sleep(0.05)
        (command,) = store.take_commands()
        store.answer_command(command.id, False, "it is paused already")

    driver = threading.Thread(target=answer)
    driver.start()
    result = wait_for_answer(store.directory, id, 30.0)
    driver.join()
    assert (result.ok, result.text) == (False, "it is paused already")


def test_an_answer_in_a_batch_is_heard_at_its_end(store: Store) -> None:
    """The sender hears nothing before the batch is durable, and nothing if it is given up; it can be answered again."""
    id = send_command(store.directory, "pause")
    store.take_commands()

    def fail() -> None:
        with store.batch():
            store.answer_command(id, True)
            assert waiting(store) == [f"{id}.json"]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert StoreReader(store.directory).command(id) is None
    assert waiting(store) == [f"{id}.json"]
    store.answer_command(id, True, "now")
    assert wait_for_answer(store.directory, id).text == "now"
    assert waiting(store) == []
    with pytest.raises(StoreError, match="waits for no answer"):
        store.answer_command(id, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"name": "stop"}', "cannot be read"),
        ('{"name": 3, "arguments": {}, "time": 0}', "has no name"),
        ('{"name": "../x", "arguments": {}, "time": 0}', "has no name"),
        ('{"name": "stop", "arguments": [], "time": 0}', "are no object"),
        ('{"name": "stop", "arguments": {}, "time": "x"}', "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (json.dumps({"name": "stop", "arguments": {"x": "x" * LARGEST}, "time": 0}), "larger than 1 MiB"),
    ],
)
def test_what_makes_no_sense_is_answered(store: Store, text: str | bytes, problem: str) -> None:
    """A damaged, foreign or huge file is no command; it is answered with what is wrong, and goes."""
    write(store, "bad.json", text)
    assert store.take_commands() == []
    answer = StoreReader(store.directory).command("bad")
    assert answer is not None
    assert not answer.ok
    assert problem in answer.text
    assert waiting(store) == []


def test_what_is_no_plain_file_is_no_command(store: Store, tmp_path: Path) -> None:
    """Links, pipes and directories are not followed, waited for or read; other names are left alone."""
    good = json.dumps({"name": "stop", "arguments": {}, "time": 0})
    (tmp_path / "secret").write_text(good)
    box = store.directory / "commands"
    (box / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(box / "pipe.json")
    (box / "folder.json").mkdir()
    write(store, ".unfinished.json", good)
    write(store, "note.txt", good)
    assert store.take_commands() == []
    reader = StoreReader(store.directory)
    answers = {answer.id: answer.ok for answer in reader.commands()}
    assert answers == {"link": False, "pipe": False, "folder": False}
    assert (tmp_path / "secret").read_text() == good
    assert store.take_commands() == []
    assert waiting(store) == [".unfinished.json", "folder.json", "note.txt"]


@pytest.mark.parametrize("state", [ExperimentState.DONE, ExperimentState.STOPPED, ExperimentState.FAILED])
def test_nobody_carries_out_what_comes_too_late(store: Store, state: ExperimentState) -> None:
    """A command to an experiment that has ended is refused, with what to do."""
    store.set_state(state)
    with pytest.raises(StoreError, match=rf"nobody is there to carry out 'pause'(.|\n)*is {state}(.|\n)*retix resume"):
        send_command(store.directory, "pause")
    assert waiting(store) == []


def test_a_paused_experiment_takes_commands(store: Store) -> None:
    """Paused, its driver is still there to be told to go on."""
    store.set_state(ExperimentState.PAUSED)
    send_command(store.directory, "resume")
    assert [command.name for command in store.take_commands()] == ["resume"]


@pytest.mark.parametrize(("name", "arguments"), [("", {}), ("../x", {}), ("set", {"x": "x" * LARGEST})])
def test_a_command_without_meaning_is_not_sent(store: Store, name: str, arguments: dict[str, Any]) -> None:
    """A name that is none, and arguments without end, are refused where they are sent."""
    with pytest.raises(StoreError, match="cannot be sent"):
        send_command(store.directory, name, arguments)
    assert waiting(store) == []


def test_a_sender_does_not_wait_for_ever(store: Store) -> None:
    """When the time is over, or the driver has ended, the command is taken back and the sender told so."""
    id = send_command(store.directory, "pause")
    with pytest.raises(StoreError, match="did not answer within 0 s"):
        wait_for_answer(store.directory, id, 0.0)
    assert store.take_commands() == []
    id = send_command(store.directory, "pause")
    store.set_state(ExperimentState.DONE)
    with pytest.raises(StoreError, match="the driver ended before it answered"):
        wait_for_answer(store.directory, id)
    assert waiting(store) == []


def test_old_commands_are_not_carried_out_later(tmp_path: Path) -> None:
    """What a driver left behind, however much, is answered by the next one, and not carried out."""
    with create(tmp_path) as store:
        ids = [send_command(store.directory, "stop") for _ in range(120)]
        assert len(store.take_commands()) == 100
    with Store.open(tmp_path, store.id) as store:
        assert store.take_commands() == []
        answers = StoreReader(store.directory).commands(1000)
    assert {answer.id for answer in answers} == set(ids)
    assert {(answer.ok, answer.text) for answer in answers} == {(False, "the driver that it was meant for is gone")}


def test_others_may_not_give_commands(store: Store) -> None:
    """Where others can write among the commands, none is sent, and a driver that finds it so obeys none."""
    box = store.directory / "commands"
    assert box.stat().st_mode & 0o777 == 0o700
    box.chmod(0o777)
    with pytest.raises(StoreError, match="others may write it"):
        send_command(store.directory, "stop")
    store.close()
    write(store, "foreign.json", json.dumps({"name": "stop", "arguments": {}, "time": 0}))
    with Store.open(store.directory.parent, store.id) as again:
        assert again.take_commands() == []
        assert waiting(again) == ["foreign.json"]
