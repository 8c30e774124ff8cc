"""The page as HTML; every text of the user's is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from retix.dashboard.status import Status
from retix.trial import Trial, TrialState

STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h1 small, .quiet { color: #666; font-weight: normal; }
progress { width: 100%; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
.done, .succeeded { color: #17692f; }
.failed { color: #b3261e; }
.interrupted, .paused, .stopped, .pruned { color: #8a5a00; }
"""
"""The page's style sheet."""

_SECONDS_BETWEEN_REFRESHES = 2


def render_page(status: Status, latest: Sequence[Trial]) -> str:
    """The page.

    Args:
        status: How the experiment stands.
        latest: The latest trials, the newest first.
    """
    name = _escape(status.info.name or status.info.id)
    rows = "\n".join(_render_trial(trial) for trial in latest)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{_SECONDS_BETWEEN_REFRESHES}">
<title>{name} - retix</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>{name} <small>{_escape(status.info.id)}</small></h1>
<p>{_render_state(status.info.state)}, created {_render_time(status.info.created)}</p>
{_render_progress(status)}
<p>Best ({_escape(status.info.optimize_mode)}d): {_render_best(status.best)}</p>
<table>
<thead><tr><th>trial</th><th>state</th><th class="number">metric</th><th>sample</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p class="quiet">The latest {len(latest)} of {status.total} trials.</p>
</body>
</html>
"""


def render_error(message: str) -> str:
    """A page that says what is wrong, and looks again like the other one does."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{_SECONDS_BETWEEN_REFRESHES}"><title>retix</title></head>'
        f"<body><pre>{_escape(message)}</pre></body></html>"
    )


def _render_progress(status: Status) -> str:
    counts = (
        ", ".join(f"{count} {_escape(state)}" for state, count in status.counts.items() if count) or "no trials yet"
    )
    limit = status.budget["max_trial_number"]
    if not isinstance(limit, int) or limit < 1:
        return f"<p>{counts}</p>"
    return f'<progress value="{min(status.ended, limit)}" max="{limit}"></progress>\n<p>{counts}; of {limit} trials</p>'


def _render_best(best: Trial | None) -> str:
    return "none yet" if best is None else f"<b>{_render_metric(best)}</b>, trial {best.id}: {_render_sample(best)}"


def _render_trial(trial: Trial) -> str:
    state = _render_state(trial.state)
    if trial.duplicate_of is not None:
        state += f" of {trial.duplicate_of}"
    if trial.state is TrialState.PRUNED:
        state += f" after {trial.steps} result{'' if trial.steps == 1 else 's'}"
    if trial.failure is not None:
        state += f": {_escape(trial.failure.message)}"
    if trial.state is TrialState.WAITING and trial.waits_for:
        state += f": {_escape(trial.waits_for)}"
    metric = f'<td class="number">{_render_metric(trial)}</td>'
    return f"<tr><td>{trial.id}</td><td>{state}</td>{metric}<td>{_render_sample(trial)}</td></tr>"


def _render_state(state: str) -> str:
    return f'<span class="{_escape(state)}">{_escape(state)}</span>'


def _render_metric(trial: Trial) -> str:
    return "-" if trial.metric is None else f"{trial.metric:.6g}"


def _render_sample(trial: Trial) -> str:
    return _escape(", ".join(f"{label}={choice!r}" for label, choice in trial.sample.items()))


def _render_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
