from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from retix.execution.ray.marks import Marks
from retix.execution.ray.message import DIRECTORY, WEIGHTS, Task
from retix.execution.ray.parcel import Piece
from retix.execution.ray.room import Room
from retix.execution.ray.visit import Visit, local_folder
from retix.trial import Failed, Failure, FailureKind, Inheritance, Job, WeightsAddress


class Bench(Room):
    """A room in a folder of the test's."""

    def __init__(self, folder: Path):
        self.folder = folder

    def empty(self) -> Path:
        self.folder.mkdir()
        return self.folder


def make_task(base: Path, marks: Marks, url: str) -> Task:
    """A job that inherits, with its directory in ``base`` and its weights at a URL."""
    (base / "trials" / "7").mkdir(parents=True)
    job = Job(
        trial=7,
        source="",
        entry="Net",
        evaluator=b"",
        directory=base / "trials" / "7",
        weights=WeightsAddress(url, "trials/7/model"),
        inheritance=Inheritance(3, WeightsAddress(url, "trials/3/model")),
    )
    folder = local_folder(url)
    return Task(1, job, marks.mark(base / "trials"), None if folder is None else marks.mark(folder))


def test_a_node_that_shares_everything(tmp_path: Path) -> None:
    """The job runs in the driver's folders, and nothing is sent; the marks go in the end."""
    marks = Marks(None)
    task = make_task(tmp_path, marks, str(tmp_path / "w"))
    visit = Visit(task, Bench(tmp_path / "room"))
    assert visit.job == task.job
    assert not visit.wants
    assert list(visit.send()) == []
    assert not (tmp_path / "room").exists()
    marks.remove()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_node_that_shares_nothing(tmp_path: Path) -> None:
    """Folders of its own stand for the driver's; what came from the driver is not sent back."""
    task = make_task(tmp_path, Marks(False), f"file://{tmp_path / 'w'}")
    visit = Visit(task, Bench(tmp_path / "room"))
    assert visit.wants
    assert visit.job.directory == tmp_path / "room" / DIRECTORY
    weights = WeightsAddress(str(tmp_path / "room" / WEIGHTS), "trials/7/model")
    assert visit.job.weights == weights
    visit.receive((Piece(WEIGHTS, "trials/3/model.safetensors", b"parent", is_first=True, is_last=True),))
    assert (Path(weights.url) / "trials/3/model.safetensors").read_bytes() == b"parent"
    (visit.job.directory / "model.py").write_text("source")
    (Path(weights.url) / "trials" / "7").mkdir()
    (Path(weights.url) / "trials/7/model.safetensors").write_bytes(b"child")
    sent = [(piece.root, piece.path, piece.data) for pieces in visit.send() for piece in pieces]
    assert sent == [(DIRECTORY, "model.py", b"source"), (WEIGHTS, "trials/7/model.safetensors", b"child")]


@pytest.mark.parametrize(("first_step", "wants"), [(0, ()), (2, (DIRECTORY,))])
def test_a_checkpoint_on_a_node_that_shares_nothing(tmp_path: Path, first_step: int, wants: tuple[str, ...]) -> None:
    """It comes along if the trial was paused, lies where the job looks for it, and goes back with all else."""
    task = make_task(tmp_path, Marks(False), "s3://bucket/w")
    job = replace(
        task.job, checkpoint=task.job.directory / "state" / "c.pt", first_step=first_step, inheritance=None, asks=True
    )
    visit = Visit(replace(task, job=job), Bench(tmp_path / "room"))
    assert visit.wants == wants
    assert visit.job.checkpoint == tmp_path / "room" / DIRECTORY / "state" / "c.pt"
    visit.receive((Piece(DIRECTORY, "state/c.pt", b"old", is_first=True, is_last=True),))
    assert visit.job.checkpoint.read_bytes() == b"old"
    visit.job.checkpoint.write_bytes(b"new")
    assert [piece.data for pieces in visit.send() for piece in pieces] == [b"new"]


def test_words_of_a_node(tmp_path: Path) -> None:
    """A failure names the driver's folder, which is where the files will be."""
    task = make_task(tmp_path, Marks(False), "s3://bucket/w")
    visit = Visit(task, Bench(tmp_path / "room"))
    assert not visit.wants
    assert visit.job.weights == task.job.weights
    failure = Failure(
        FailureKind.KILLED, f"see {visit.job.directory}", traceback=f'File "{visit.job.directory}/model.py"'
    )
    event = visit.translate(Failed(7, failure, 1.0))
    assert isinstance(event, Failed)
    assert event.failure.message == f"see {task.job.directory}"
    assert event.failure.traceback == f'File "{task.job.directory}/model.py"'


def test_a_mark_of_another_machine(tmp_path: Path) -> None:
    """A folder of the same name without the mark is not the driver's."""
    marks = Marks(None)
    task = make_task(tmp_path, marks, str(tmp_path / "w"))
    marks.remove()
    visit = Visit(task, Bench(tmp_path / "room"))
    assert visit.wants
    assert visit.job.directory == tmp_path / "room" / DIRECTORY


@pytest.mark.parametrize(
    ("url", "folder"),
    [("/a/b", Path("/a/b")), ("file:///a/b", Path("/a/b")), ("s3://a/b", None), ("memory://a", None)],
)
def test_stores_that_are_folders(url: str, folder: Path | None) -> None:
    """A path and file:// are folders; all else is reached from anywhere."""
    assert local_folder(url) == folder
