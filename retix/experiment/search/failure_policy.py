"""What is done about failed trials."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from retix.errors import ConfigError
from retix.trial import Failure, FailureKind

_FORMS = "'fail', 'retry:3', 'penalise:0.0', 'stop:5', or several of them with commas between, as 'retry:2,penalise:0'"

# The words of the short form, and the fields that they stand for.
_WORDS = {"retry": "retries", "penalise": "penalty", "penalize": "penalty", "stop": "stop_after"}


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What is done about trials that fail in one way; by default the trial has failed, and the search goes on.

    Attributes:
        retries: How often such a trial is run again before the failure is final.
        penalty: The default metric that the strategy is told for such a trial, so that it learns to avoid its like;
            None tells it that there is none. In the record the trial has failed, either way.
        stop_after: Ends the search after so many such trials in a row; None never does.

    Raises:
        ConfigError: A number is out of range.
    """

    retries: int = 0
    penalty: float | None = None
    stop_after: int | None = None

    def __post_init__(self) -> None:
        if not _is_whole(self.retries) or self.retries < 0:
            raise ConfigError(f"retries is {self.retries!r}", fix="give a whole number, 0 or more")
        if self.penalty is not None and not _is_finite(self.penalty):
            raise ConfigError(f"the penalty is {self.penalty!r}", fix="give a finite number, as the metric is")
        if self.stop_after is not None and (not _is_whole(self.stop_after) or self.stop_after < 1):
            raise ConfigError(f"stop_after is {self.stop_after!r}", fix="give a whole number, 1 or more, or None")

    @classmethod
    def read(cls, value: FailurePolicy | str | Mapping[str, Any]) -> FailurePolicy:
        """A policy as users write it.

        Args:
            value: A policy; a text such as ``fail``, ``retry:3``, ``penalise:0.0``, ``stop:5`` or
                ``retry:2,penalise:0``; or the fields of a policy by name.

        Raises:
            ConfigError: It is none of these.
        """
        if isinstance(value, FailurePolicy):
            return value
        if isinstance(value, str):
            return cls(**_read_words(value))
        if not isinstance(value, Mapping):
            raise ConfigError(f"{value!r} is no policy for failures", fix=f"write {_FORMS}")
        known = [field.name for field in fields(cls)]
        for name in value:
            if name not in known:
                raise ConfigError(f"a policy for failures has no {name!r}", fix=f"it has {', '.join(known)}")
        return cls(**value)

    def to_json(self) -> str:
        """The policy in the short form that `read` takes."""
        words = [f"retry:{self.retries}"] if self.retries else []
        words += [] if self.penalty is None else [f"penalise:{self.penalty!r}"]
        words += [] if self.stop_after is None else [f"stop:{self.stop_after}"]
        return ",".join(words) or "fail"

    def __str__(self) -> str:
        return self.to_json()


def read_policies(given: Mapping[Any, Any]) -> dict[FailureKind, FailurePolicy]:
    """Policies by the kind of failure, as users write them: ``{"timeout": "retry:1", "not_finite": "penalise:0"}``.

    Raises:
        ConfigError: A kind is unknown, or a policy cannot be read.
    """
    policies = {}
    for name, value in given.items():
        try:
            kind = FailureKind(name)
        except ValueError as error:
            raise ConfigError(
                f"there is no kind of failure {name!r}", fix=f"the kinds are {', '.join(FailureKind)}"
            ) from error
        policies[kind] = FailurePolicy.read(value)
    return policies


class Streak:
    """How many trials in a row have failed in one way."""

    def __init__(self) -> None:
        self._kind: FailureKind | None = None
        self._count = 0
        self.verdict = ""
        """Why the search is to end, in words; empty while it may go on."""

    def succeeded(self) -> None:
        """A trial went well."""
        self._kind, self._count = None, 0

    def failed(self, failure: Failure, policy: FailurePolicy) -> None:
        """A trial has failed for good."""
        if failure.kind is FailureKind.INVALID and policy.stop_after is None:
            return  # no trial was run
        self._count = self._count + 1 if failure.kind is self._kind else 1
        self._kind = failure.kind
        if policy.stop_after is not None and self._count >= policy.stop_after:
            trials = "1 trial" if self._count == 1 else f"{self._count} trials in a row"
            self.verdict = f"{trials} failed ({failure.kind}), the last with: {failure.message}"


def may_retry(failure: Failure, policy: FailurePolicy, earlier: Counter[FailureKind]) -> bool:
    """Whether a trial is run again.

    Args:
        failure: How its last attempt failed.
        policy: The policy for such failures.
        earlier: How often earlier attempts failed, by kind.
    """
    # What cannot be built today cannot be built a moment later.
    is_built = failure.kind not in (FailureKind.INVALID, FailureKind.BUILD)
    return is_built and earlier[failure.kind] < policy.retries


def _read_words(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in text.split(","):
        name, colon, number = (part.strip() for part in word.partition(":"))
        if name == "fail" and not colon:
            continue
        if name not in _WORDS or not colon:
            raise ConfigError(f"{text!r} is no policy for failures", fix=f"write {_FORMS}")
        field = _WORDS[name]
        try:
            found[field] = float(number) if field == "penalty" else int(number)
        except ValueError as error:
            raise ConfigError(f"{number!r} in {text!r} is no number for {name}", fix=f"write {_FORMS}") from error
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
