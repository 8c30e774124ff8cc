"""``python -m tests.chaos``: the long form of the chaos test, with figures."""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.attack import KILL
from tests.chaos.campaign import Campaign, ChaosError, Orders
from tests.chaos.driver import Plan
from tests.chaos.verdict import Verdict, judge


def main() -> None:
    """Read the command line, run, print; exits with 1 if the search did not come through."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break a search, and see what is left.")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50, help="how often the driver is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strategy", choices=("random", "evolution"), default="evolution")
    parser.add_argument("--isolation", choices=("warm", "fresh"), default="warm")
    parser.add_argument("--stops-early", action="store_true", help="pause trials, and let the better half go on")
    parser.add_argument("--spacing", type=float, default=3.0, help="trials between two attacks, on average")
    parser.add_argument("--copies", type=int, default=5, help="how often the directory is copied and the copy resumed")
    parser.add_argument("--keep", type=Path, help="an empty folder for everything that is left, to look at it later")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays behind
    with tempfile.TemporaryDirectory(prefix="retix-chaos-") as name:
        home = arguments.keep or Path(name)
        plan = Plan(
            root=str(home / "root"),
            records=str(home / "records"),
            trials=arguments.trials,
            seed=arguments.seed,
            strategy=arguments.strategy,
            isolation=arguments.isolation,
            stops_early=arguments.stops_early,
        )
        campaign = Campaign(home, plan, Orders(arguments.kills, arguments.spacing, arguments.copies))
        sys.exit(run(campaign))


def run(campaign: Campaign) -> int:
    """Run a campaign and print what came of it; returns 0 if the search came through."""
    begin = time.monotonic()
    try:
        campaign.run()
    except ChaosError as error:
        print(f"the search did not come through: {error}")
        return 1
    seconds = time.monotonic() - begin
    verdict = judge(campaign.reader, campaign.plan, campaign.attacks)
    verdict.problems += campaign.problems
    describe(campaign, verdict, seconds)
    for number in range(len(campaign.copies)):
        copied = Plan.read(campaign.copies[number] / "plan.json")
        found = judge(campaign.resume_copy(number), copied, campaign.attacks)
        verdict.problems += [f"copy {number}: {problem}" for problem in found.problems]
        print(f"copy {number} was resumed: {len(found.problems)} problems")
    print(*(verdict.problems or ["no problem was found"]), sep="\n")
    return 1 if verdict.problems else 0


def describe(campaign: Campaign, verdict: Verdict, seconds: float) -> None:
    """Print the figures."""
    kills = sum(attack.act == KILL for attack in campaign.attacks)
    print(f"{campaign.plan.trials} trials in {seconds:.0f} s: {verdict.attempts} runs by {campaign.drivers} drivers")
    print(f"{len(campaign.attacks)} attacks, {kills} of them killed the driver:")
    counts: dict[str, int] = {}
    for attack in campaign.attacks:
        what = f"{attack.act} (depth {attack.depth})"
        counts[what] = counts.get(what, 0) + 1
    print(*(f"  {count:4d} {what}" for what, count in sorted(counts.items())), sep="\n")
    print(f"trials ended: {dict(verdict.states.most_common())}")
    print(f"trials did: {dict(verdict.deeds.most_common())}")
    print(f"{len(verdict.inflicted)} trials failed by an attack: {verdict.inflicted}")
    gone = campaign.orphans
    print(f"after a driver's end all was gone within {statistics.median(gone):.2f} s, at most {max(gone):.2f} s")


if __name__ == "__main__":
    main()
