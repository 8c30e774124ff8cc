from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retix.execution.streams import read_last_words


def test_each_folder_gets_its_own_output(tmp_path: Path) -> None:
    """What was printed before a change of folder lands in the earlier one, C's buffers included."""
    script = (
        "import ctypes, sys\nfrom pathlib import Path\nfrom retix.execution.streams import redirect_streams\n"
        "for name in sys.argv[1:]:\n"
        "    redirect_streams(Path(name))\n    print('py', Path(name).name)\n"
        "    ctypes.CDLL(None).printf(b'c %s\\n', Path(name).name.encode())\n"
        "    print('err', Path(name).name, file=sys.stderr)\n"
    )
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "stdout.log").write_text("of an earlier attempt\n")
    subprocess.run([sys.executable, "-c", script, *map(str, folders)], check=True)
    for folder in folders:
        lines = (folder / "stdout.log").read_text().splitlines()
        assert sorted(lines) == [f"c {folder.name}", f"py {folder.name}"]
        assert (folder / "stderr.log").read_text() == f"err {folder.name}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("a warning\n", ""),
        (
            "x\nTraceback (most recent call last):\nOld\nTraceback (most recent call last):\nNew\n",
            "Traceback (most recent call last):\nNew\n",
        ),
        ("noise\nFatal Python error: Segmentation fault\n", "Fatal Python error: Segmentation fault\n"),
    ],
)
def test_last_words(tmp_path: Path, text: str, words: str) -> None:
    """The last traceback in the error file, if there is one."""
    (tmp_path / "stderr.log").write_text(text)
    assert read_last_words(tmp_path) == words


def test_no_words(tmp_path: Path) -> None:
    """Without a file there are no words."""
    assert read_last_words(tmp_path) == ""
