"""The short form of the chaos test; `make chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.attack import KILL
from tests.chaos.campaign import Campaign, Orders
from tests.chaos.deeds import SHARES
from tests.chaos.driver import Plan
from tests.chaos.verdict import judge

TRIALS = 200
KILLS = 3


def test_a_search_comes_through(tmp_path: Path) -> None:
    """Workers are killed and frozen, trials do all they should not, the driver is killed; nothing is lost or left."""
    plan = Plan(root=str(tmp_path / "root"), records=str(tmp_path / "records"), trials=TRIALS, seed=1)
    campaign = Campaign(tmp_path, plan, Orders(kills=KILLS, spacing=12, copies=1))
    campaign.run()
    verdict = judge(campaign.reader, plan, campaign.attacks)
    assert not campaign.problems + verdict.problems, campaign.problems + verdict.problems
    assert sum(attack.act == KILL for attack in campaign.attacks) == KILLS
    assert set(SHARES) <= set(verdict.deeds), "every deed must have been done"
