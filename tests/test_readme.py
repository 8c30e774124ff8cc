"""The README and the page on spaces: what they show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.document import pair, read_blocks, refresh, run_blocks
from tests.test_floors import FLOORS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SPACES = ROOT / "docs" / "spaces.md"
RUNNING = ROOT / "docs" / "running.md"
STRATEGIES = ROOT / "docs" / "strategies.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def test_readme_runs(tmp_path: Path) -> None:
    """The README's code runs as it stands, without a main guard; the search ends by printing such a model."""
    found, *others = pair(README, run_blocks(README, tmp_path))
    shown, printed = found
    lines = printed[printed.index("import torch.nn.functional as F") :].splitlines()
    assert len(lines) == len(shown.splitlines())
    # which model is the best depends on the weights that training begins with
    assert [line for line in shown.splitlines() if "self.conv = " not in line and "Linear(" not in line] == [
        line for line in lines if "self.conv = " not in line and "Linear(" not in line
    ]
    assert list((tmp_path / "retix-experiments").iterdir()), "the experiment is where the README says"
    for shown, printed in others:
        assert shown == printed


def test_page_on_spaces(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every block of the page on spaces runs, and prints what the page says; ``--golden`` writes it anew."""
    printed = run_blocks(SPACES, tmp_path)
    if request.config.getoption("golden", default=False):
        refresh(SPACES, printed)
    pairs = pair(SPACES, printed)
    assert len(pairs) > 20
    for said, happened in pairs:
        assert said == happened


def test_page_on_running(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every block of the page on running a search runs, and prints what the page says; ``--golden`` writes it anew."""
    printed = run_blocks(RUNNING, tmp_path)
    if request.config.getoption("golden", default=False):
        refresh(RUNNING, printed)
    for said, happened in pair(RUNNING, printed):
        assert said == happened


def test_page_on_strategies(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every block of the page on strategies runs, and prints what the page says; ``--golden`` writes it anew."""
    printed = run_blocks(STRATEGIES, tmp_path)
    if request.config.getoption("golden", default=False):
        refresh(STRATEGIES, printed)
    for said, happened in pair(STRATEGIES, printed):
        assert said == happened


def test_kinds_of_blocks() -> None:
    """The pages have no block of Python that a reader would take for one that runs, and that is not run."""
    kinds = {kind for page in (README, SPACES, RUNNING, STRATEGIES) for kind, _ in read_blocks(page)}
    assert kinds <= {"python", "python printed", "text"}


def test_commands_exist() -> None:
    """The two commands of the README are targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Links between the pages lead to files and headings that there are."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page if not name else page.parent / name
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            names = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in names, target


def test_table_of_floors() -> None:
    """The table in the architecture has each package that is built, with what it may import."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| \d \| `(\w+)` \| (.*)\|$", page, re.MULTILINE))
    assert set(rows) == set(FLOORS) - {"fusion", "hub", "oneshot"}
    for package, listed in rows.items():
        if "everything below" not in listed:
            assert set(listed.split()) == FLOORS[package], package
