"""Choices as mutators."""

from __future__ import annotations

import pytest
import torch

import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, constraint, model_wrapper
from retix.compat import (
    extract_mutation_from_pt_module,
    get_mutation_dict,
    get_mutation_summary,
    mutation_dict_to_summary,
    preprocess_model,
    process_evaluator_mutations,
    unpack_if_only_one,
)
from retix.errors import InvalidMutation, RecipeError, UnavailableError


@model_wrapper
class Net(nn.Module):
    """A layer, a value and inputs to choose."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([nn.Linear(size, 4), nn.Linear(size, 4, bias=False)], label="layer")
        self.drop = nn.Dropout(nn.ValueChoice([0.1, 0.2], label="drop"))
        self.inputs = nn.InputChoice(3, 2, label="inputs")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Choose among three tensors."""
        x = self.layer(x)
        return self.inputs([x, self.drop(x), x + 1])


class Bare(nn.Module):
    """Takes an argument, and remembers nothing."""

    def __init__(self, size: int) -> None:
        super().__init__()


def score(model_cls: type[torch.nn.Module], rate: float) -> float:
    """Stand for training."""
    return rate


ANSWERS = {"layer": "1", "drop": 0.2, "inputs": (0, 2), "rate": 3}


@pytest.mark.parametrize("full_ir", [True, False])
def test_a_model_and_its_evaluator(full_ir: bool) -> None:
    """One mutator for each label, of the model and of the evaluator; what they chose stands in the history."""
    evaluator = FunctionalEvaluator(score, rate=nn.ValueChoice([1, 3], label="rate"))
    model, mutators = preprocess_model(Net(4), evaluator, None, full_ir=full_ir)
    assert {"layer", "drop", "inputs", "rate"} <= {mutator.label for mutator in mutators}
    for mutator in mutators:
        model = mutator.apply(model, lambda decision: ANSWERS[decision.label])
    assert model.evaluator.trace_kwargs["rate"] == 3
    assert isinstance(evaluator.trace_kwargs["rate"], nn.ValueChoice)
    assert get_mutation_dict(model) == ANSWERS
    assert get_mutation_summary(model) == {"layer": "1", "drop": 0.2, "inputs_0": 0, "inputs_1": 2, "rate": 3}


def test_the_python_engines_view() -> None:
    """The class, the arguments, and the choices."""
    model, mutators = extract_mutation_from_pt_module(Net(size=4))
    assert model.python_class is Net
    assert model.python_init_params == {"size": 4}
    assert mutators is not None
    assert sorted(mutator.label for mutator in mutators) == ["drop", "inputs", "layer"]


@pytest.mark.parametrize("full_ir", [True, False])
def test_rules_are_a_mutator_of_their_own(full_ir: bool) -> None:
    """Scripts that draw freely learn from InvalidMutation that a model breaks a rule; a dry run does not ask."""

    @model_wrapper
    class Ruled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = nn.ValueChoice([8, 2, 4], label="width")
            self.up = nn.Linear(3, width)
            self.rule = constraint(width < 8, "narrow nets alone")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(x)

    model, mutators = preprocess_model(Ruled(), FunctionalEvaluator(print), [], full_ir=full_ir)
    *choosing, rules = mutators
    assert rules.label is None
    assert rules.dry_run(model)[0] == []
    made = {}
    for answer in (8, 4):
        made[answer] = model
        for mutator in choosing:
            made[answer] = mutator.apply(made[answer], lambda decision, answer=answer: answer)
    rules.apply(made[4], lambda decision: None)
    with pytest.raises(InvalidMutation, match="narrow nets alone"):
        rules.apply(made[8], lambda decision: None)


def test_nothing_to_choose() -> None:
    """Then there are no mutators."""
    assert extract_mutation_from_pt_module(nn.Sequential())[1] is None
    assert preprocess_model(nn.Sequential(nn.Linear(1, 1)), FunctionalEvaluator(score), [])[1] == []


def test_an_argument_that_is_not_remembered() -> None:
    """The model could not be made again."""
    with pytest.raises(RecipeError, match="Bare does not remember its arguments"):
        extract_mutation_from_pt_module(Bare(3))


def test_labels_that_are_known() -> None:
    """A choice that the model shares with its evaluator is made once."""
    evaluator = FunctionalEvaluator(score, rate=nn.ValueChoice([1, 3], label="rate"))
    mutator, filler = process_evaluator_mutations(evaluator, [])
    assert mutator.label == "rate"
    assert [type(m) for m in process_evaluator_mutations(evaluator, [mutator])] == [type(filler)]
    assert process_evaluator_mutations(FunctionalEvaluator(score, rate=1)) == []


def test_one_shot() -> None:
    """It comes later, and says so."""
    with pytest.raises(UnavailableError, match="one-shot"):
        preprocess_model(Net(4), FunctionalEvaluator(score), [], oneshot=True)


def test_forms() -> None:
    """Lists of one are unpacked, longer ones numbered."""
    assert (unpack_if_only_one([1]), unpack_if_only_one([1, 2])) == (1, [1, 2])
    assert mutation_dict_to_summary({"a": [1, 2], "b": "c"}) == {"a_0": 1, "a_1": 2, "b": "c"}
