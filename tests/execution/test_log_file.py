from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from retix.execution.log_file import trim_log, trim_logs


def test_a_short_log_stays(tmp_path: Path) -> None:
    """Nothing happens to a log within its limit, nor where there is none."""
    path = tmp_path / "stdout.log"
    path.write_bytes(b"x" * 2000)
    trim_logs(tmp_path, 2000)
    assert path.read_bytes() == b"x" * 2000


def test_the_middle_goes(tmp_path: Path) -> None:
    """Beginning and end stay, and the line between them counts what is missing, however often the log grew."""
    path = tmp_path / "log"
    lines = [f"{number:07}\n".encode() for number in range(10_000)]
    with path.open("ab", buffering=0) as file:
        for start in range(0, 10_000, 500):
            file.write(b"".join(lines[start : start + 500]))
            trim_log(path, 3000)
    data = path.read_bytes()
    assert len(data) <= 3000
    assert data.startswith(b"".join(lines[:180]))
    assert data.endswith(b"".join(lines[-90:]))
    note = re.search(rb"\n\[\.\.\. (\d+) bytes are left out here, since this log may hold 3000 bytes \.\.\.\]\n", data)
    assert note is not None
    assert int(note[1]) == sum(map(len, lines)) - (len(data) - len(note[0]))


def test_a_limit_without_meaning(tmp_path: Path) -> None:
    """A tiny limit still leaves room for what there is to say."""
    path = tmp_path / "log"
    path.write_bytes(b"a" * 5000 + b"z" * 5000)
    trim_log(path, 0)
    data = path.read_bytes()
    assert data.startswith(b"a" * 512)
    assert data.endswith(b"z" * 256)
    assert b"9232 bytes are left out" in data


def test_two_at_a_time(tmp_path: Path) -> None:
    """While one process writes, two shorten: whole lines at both ends, and one note."""
    path = tmp_path / "log"
    path.touch()
    trimmer = (
        "import sys\nfrom pathlib import Path\nfrom retix.execution.log_file import trim_log\n"
        "while sys.stdin.readline():\n    trim_log(Path(sys.argv[1]), 5000)\n"
    )
    command = [sys.executable, "-c", trimmer, str(path)]
    trimmers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    with path.open("ab", buffering=0) as file:
        for number in range(3000):
            file.write(f"{number:07}\n".encode() * 5)
            if number % 20 == 0:
                for process in trimmers:
                    assert process.stdin is not None
                    process.stdin.write("\n")
                    process.stdin.flush()
    for process in trimmers:
        process.communicate()
        assert process.returncode == 0
    trim_log(path, 5000)
    text = path.read_text()
    assert text.startswith("0000000\n" * 5)
    assert text.endswith("0002999\n" * 5)
    assert text.count("bytes are left out") == 1
