"""The arguments of an experiment."""

from __future__ import annotations

from typing import Any

import pytest

from retix import FunctionalEvaluator, Mutator, RetiariiExeConfig, RetiariiExperiment
from retix.errors import ConfigError, EvaluationError
from retix.evaluator.pytorch import Regression
from retix.experiment.arguments import choose_mode
from retix.ir import Model
from retix.strategy import Random, RegularizedEvolution
from tests.experiment.nets import Chain
from tests.experiment.scores import score_width


class Idle(Mutator):
    """Changes nothing."""

    def mutate(self, model: Model) -> None:
        return


SCORE = FunctionalEvaluator(score_width)


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        ((None, None, None), "the experiment has no evaluator", "pass an Evaluator"),
        ((score_width, None, None), "the evaluator is the function score_width", "FunctionalEvaluator(function)"),
        ((FunctionalEvaluator, None, None), "the evaluator is the class FunctionalEvaluator", "pass an Evaluator"),
        ((SCORE, None, "random"), "the strategy is the str 'random'", "retix.strategy.Random()"),
        ((SCORE, None, Random), "the strategy is the class Random, not an instance", "retix.strategy.Random()"),
        ((SCORE, [3], None), "the int 3 is among the applied mutators", "subclasses of retix.Mutator"),
        ((SCORE, [Idle], None), "the class Idle, not an instance of it is among", "subclasses of retix.Mutator"),
        ((SCORE, [Idle("a"), Idle("a")], None), "two mutators have the label 'a'", "label=..."),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: tuple[Any, ...], what: str, fix: str) -> None:
    """The line that makes the experiment names what is wrong and what to pass."""
    with pytest.raises(ConfigError) as caught:
        RetiariiExperiment(Chain(), *arguments)
    assert what in caught.value.what
    assert caught.value.fix is not None
    assert fix in caught.value.fix


def test_an_evaluator_without_data_is_refused_at_once() -> None:
    """It can be made, and filled in later; the experiment asks for it before any work is done."""
    evaluator = Regression()
    with pytest.raises(EvaluationError, match="Regression has no train_dataloaders"):
        RetiariiExperiment(Chain(), evaluator)


def test_mutators_of_one_class_need_no_labels() -> None:
    """The space numbers those that go by the name of their class."""
    RetiariiExperiment(Chain(), SCORE, [Idle(), Idle(), Idle("a")])


def test_the_older_name_of_the_evaluator() -> None:
    """NNI's ``trainer`` is the evaluator."""
    RetiariiExperiment(Chain(), trainer=SCORE)


@pytest.mark.parametrize(
    ("setting", "strategy", "mode"),
    [
        (None, Random(), "maximize"),
        ("minimize", Random(), "minimize"),
        (None, RegularizedEvolution("minimize"), "minimize"),
        ("maximize", RegularizedEvolution("maximize"), "maximize"),
    ],
)
def test_who_says_which_way_is_better(setting: Any, strategy: Any, mode: str) -> None:
    """The settings, the strategy and the evaluator are heard; without a word from any, higher is better."""
    assert choose_mode(RetiariiExeConfig(optimize_mode=setting), strategy, SCORE) == mode


def test_evaluators_say_which_way_is_better() -> None:
    """Regression knows that lower is better, and contradicts who says otherwise."""
    evaluator = Regression(train_dataloaders=[], val_dataloaders=[])
    assert choose_mode(RetiariiExeConfig(), Random(), evaluator) == "minimize"
    with pytest.raises(ConfigError, match="RegularizedEvolution says 'maximize', Regression says 'minimize'"):
        choose_mode(RetiariiExeConfig(), RegularizedEvolution("maximize"), evaluator)
    with pytest.raises(ConfigError, match="the config says 'maximize', Regression"):
        choose_mode(RetiariiExeConfig(optimize_mode="maximize"), Random(), evaluator)
