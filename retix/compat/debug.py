"""Trying one model without an experiment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from retix.codegen import generate
from retix.evaluator import Evaluator, report_final_result
from retix.execution import building
from retix.ir import Model
from retix.mutation import Mutator
from retix.strategy import BaseStrategy


class DebugEvaluator(Evaluator):
    """Trains nothing; every model scores 0."""

    def evaluate(self, model_cls: Callable[[], Any]) -> float:
        report_final_result(0.0)
        return 0.0


class _LocalDebugStrategy(BaseStrategy):
    """Evaluates the model of all first candidates in this process, by ``base_model.evaluator``."""

    def run(self, base_model: Model, applied_mutators: Sequence[Mutator]) -> None:
        model = base_model
        for mutator in applied_mutators:
            model = mutator.apply(model, lambda decision: decision.first())
        source = generate(model)
        evaluator: Evaluator = base_model.evaluator
        with (
            tempfile.TemporaryDirectory(prefix="retix-debug-") as directory,
            building(source.text, source.entry, Path(directory) / "model.py", "retix_debug_model") as factory,
        ):
            evaluator._execute(factory.model_class)
