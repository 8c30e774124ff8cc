"""Labels for choices that the user gave none."""

from __future__ import annotations

from typing import Any


class LabelBook:
    """Names every unlabelled choice after the place in the model where it is first met.

    The same model gives the same names in every run and on every machine.
    """

    def __init__(self) -> None:
        self._by_identity: dict[str, str] = {}
        self._taken: set[str] = set()

    def name(self, label: str | None, path: str, identity: str) -> str:
        """The label, or one made of ``path`` for the choice that ``identity`` tells from others."""
        if label is not None:
            return label
        known = self._by_identity.get(identity)
        if known is None:
            known, count = path, 1
            while known in self._taken:
                known, count = f"{path}_{count}", count + 1
            self._taken.add(known)
            self._by_identity[identity] = known
        return known

    def name_choices(self, expression: Any, path: str) -> Any:
        """``expression`` (JSON) with a label in every choice; one without goes by ``?`` and its identity."""
        if isinstance(expression, list):
            return [self.name_choices(item, path) for item in expression]
        if not isinstance(expression, dict):
            return expression
        if "choice" in expression:
            choice = expression["choice"]
            label = choice["label"]
            named = self.name(None, path, label) if label.startswith("?") else label
            return {"choice": {**choice, "label": named}}
        return {key: self.name_choices(item, path) for key, item in expression.items()}
