"""The questions that readers ask of the database; a test holds that none of them sorts or reads everything."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from retix.store.row import TRIAL_COLUMNS

TrialOrder: TypeAlias = Literal["oldest", "newest"]
"""Which trials come first: the lowest ids, or the highest."""

_COLUMNS = ", ".join(TRIAL_COLUMNS)

TRIAL = f"SELECT {_COLUMNS} FROM trial WHERE id = ?"
"""One trial."""

PAGES: dict[TrialOrder, str] = {
    "oldest": f"SELECT {_COLUMNS} FROM trial WHERE id > ? ORDER BY id LIMIT ? OFFSET ?",
    "newest": f"SELECT {_COLUMNS} FROM trial WHERE id < ? ORDER BY id DESC LIMIT ? OFFSET ?",
}
"""Trials in any state, beyond an id."""

PAGES_IN_STATE: dict[TrialOrder, str] = {
    "oldest": f"SELECT {_COLUMNS} FROM trial WHERE state = ? AND id > ? ORDER BY id LIMIT ? OFFSET ?",
    "newest": f"SELECT {_COLUMNS} FROM trial WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ? OFFSET ?",
}
"""Trials in one state, beyond an id."""

FIRST: dict[TrialOrder, int] = {"oldest": 0, "newest": 2**63 - 1}
"""Beyond which id all trials lie."""

BEST = (
    # Left to itself SQLite takes the index by state, and sorts every trial that succeeded.
    f"SELECT {_COLUMNS} FROM trial INDEXED BY trial_by_cost "
    "WHERE state = 'succeeded' AND cost IS NOT NULL ORDER BY cost, id LIMIT ?"
)
"""The best trials; its condition is that of the index ``trial_by_cost``."""

COUNTS = "SELECT state, count(*) FROM trial GROUP BY state"
"""How many trials are in each state."""

REPORTS = "SELECT trial, step, metrics, time FROM report WHERE trial = ? ORDER BY id"
"""The intermediate results of a trial."""

ALL_REPORTS = "SELECT id, trial, step, metrics, time FROM report WHERE id > ? ORDER BY id LIMIT ?"
"""The intermediate results of all trials, beyond one."""

STEPS = "SELECT number, kind, trial, data, time FROM step WHERE number > ? ORDER BY number LIMIT ?"
"""The steps after one."""

ATTEMPTS = """
    SELECT trial, number, worker, started, ended, outcome, stopped, verdict FROM attempt WHERE trial = ? ORDER BY number
"""
"""The runs of a trial."""

FAILED_TRIALS = """
    SELECT failure_kind, count(*), min(id), max(id) FROM trial INDEXED BY trial_by_failure
    WHERE failure_kind IS NOT NULL AND state = 'failed' GROUP BY failure_kind
"""
"""Per kind: how many trials failed so, the first and the last."""

RETRIED_ATTEMPTS = """
    SELECT failure_kind, count(*), min(trial), max(trial) FROM attempt AS one
    WHERE failure_kind IS NOT NULL AND NOT (
        number = (SELECT max(number) FROM attempt WHERE trial = one.trial)
        AND EXISTS (SELECT 1 FROM trial WHERE id = one.trial AND state = 'failed')
    ) GROUP BY failure_kind
"""
"""Per kind: how many runs failed so of trials that went on, the first of these trials and the last."""

LAST_OUTCOME = """
    SELECT outcome FROM attempt WHERE trial = ? AND failure_kind = ? ORDER BY number DESC LIMIT 1
"""
"""How a trial's last run that failed so did."""

ANSWER = "SELECT id, name, arguments, sent, answered, ok, text FROM command WHERE id = ?"
"""A command that was answered."""

ANSWERS = "SELECT id, name, arguments, sent, answered, ok, text FROM command ORDER BY id DESC LIMIT ?"
"""The last commands that were answered, the latest first."""

PAST_CONFIGS = "SELECT until, config FROM past_config ORDER BY id"
"""The settings that others replaced."""


def without_index(query: str) -> str:
    """The query where tables of an older version are seen through a view, which has no index of its own."""
    return re.sub(r" INDEXED BY \w+", "", query)
