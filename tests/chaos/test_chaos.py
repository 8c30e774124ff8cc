"""The short form of the chaos test; `make chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.attack import KILL
from tests.chaos.campaign import Campaign, Orders
from tests.chaos.deeds import SHARES
from tests.chaos.driver import Plan
from tests.chaos.verdict import Verdict, judge

KILLS = 3


def test_a_search_comes_through(tmp_path: Path) -> None:
    """Workers are killed and frozen, trials do all they should not, the driver is killed; nothing is lost or left."""
    verdict = search(tmp_path, trials=200)
    assert set(SHARES) <= set(verdict.deeds), "every deed must have been done"


def test_a_search_that_ends_trials_early_comes_through(tmp_path: Path) -> None:
    """So it does where trials are paused, go on, and are pruned."""
    verdict = search(tmp_path, trials=100, stops_early=True)
    assert verdict.states["pruned"] > 20
    assert verdict.states["succeeded"] > 10
    assert verdict.attempts > 120, "trials must have been paused and gone on"


def search(directory: Path, trials: int, stops_early: bool = False) -> Verdict:
    """Search under attack, and find nothing wrong."""
    plan = Plan(str(directory / "root"), str(directory / "records"), trials, seed=1, stops_early=stops_early)
    campaign = Campaign(directory, plan, Orders(kills=KILLS, spacing=12, copies=1))
    campaign.run()
    verdict = judge(campaign.reader, plan, campaign.attacks)
    assert not campaign.problems + verdict.problems, campaign.problems + verdict.problems
    assert sum(attack.act == KILL for attack in campaign.attacks) == KILLS
    return verdict
