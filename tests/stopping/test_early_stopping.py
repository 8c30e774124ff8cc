"""What all rules share: their JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from retix.errors import ConfigError
from retix.stopping import ASHA, EarlyStopping, Hyperband, MedianStopping, Patience, read_rule
from retix.trial import Verdict

RULES = [
    ASHA(27, min_steps=2, reduction=2, mode="stop"),
    Hyperband(27, brackets=2),
    MedianStopping(3, 7),
    Patience(4, 0.5),
]


class BelowHalf(EarlyStopping):
    """A user's own rule."""

    def __init__(self, bound: float = 0.5) -> None:
        super().__init__()
        self.bound = bound

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return Verdict.STOP if metrics["default"] < self.bound else Verdict.GO_ON


class Forgetful(BelowHalf):
    """A rule that keeps its argument under another name."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)


@pytest.mark.parametrize("rule", [*RULES, BelowHalf(0.25)], ids=lambda rule: type(rule).__name__)
def test_a_rule_comes_back_as_it_was_made(rule: EarlyStopping) -> None:
    """Its class and arguments go through JSON, users' own included; what it has learned does not."""
    rule.report(1, 1, {"default": 1.0})
    read = read_rule(json.loads(json.dumps(rule.to_json())))
    assert type(read) is type(rule)
    assert read is not rule
    assert read.to_json() == rule.to_json()


def test_what_cannot_be_written_says_what_to_change() -> None:
    """A class without an importable name, and an argument that is no attribute, cannot be made again elsewhere."""

    class Local(BelowHalf):
        pass

    with pytest.raises(ConfigError, match=r"Local cannot be written down.*importable"):
        Local().to_json()
    with pytest.raises(ConfigError, match=r"(?s)no attribute 'limit'.*self\.limit = limit"):
        Forgetful(0.5).to_json()


def test_what_is_no_rule_is_refused() -> None:
    """A name that leads nowhere, a class of something else, and arguments that have changed since."""
    for name, said in [("nowhere.Rule", "cannot be imported"), ("collections.Counter", "no rule of early stopping")]:
        with pytest.raises(ConfigError, match=said):
            read_rule({"rule": name, "arguments": {}})
    with pytest.raises(ConfigError, match=r"cannot be made again: .*'slowly'"):
        read_rule({**Patience(3).to_json(), "arguments": {"slowly": True}})
