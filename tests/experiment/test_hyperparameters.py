"""Searches that decide the settings of training together with the architecture."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
import torch

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
from retix import FunctionalEvaluator, ModelSpace, RetiariiExeConfig, RetiariiExperiment
from retix.errors import EvaluationError, LabelConflictError
from retix.execution import InlineEngine
from retix.strategy import Random
from retix.trial import Trial
from tests.experiment.witness import Net, Witness, load, make_optimizer, make_sgd, train

SGD, ADAM = "torch.optim.sgd.SGD", "torch.optim.adam.Adam"


def make_evaluator(**arguments: Any) -> pl.Classification:
    """An evaluator for digits."""
    loader = pl.DataLoader(load(128), batch_size=64)
    return pl.Classification(**{"train_dataloaders": loader, "val_dataloaders": loader, "max_epochs": 1, **arguments})


def make_open_evaluator() -> pl.Classification:
    """One whose optimizer, learning rate, weight decay, batch size, epochs and clipping are choices."""
    optimizer = nn.ValueChoice([torch.optim.Adam, torch.optim.SGD], label="optimizer")
    return make_evaluator(
        optimizer=optimizer,
        learning_rate=nn.ValueChoice.condition(
            optimizer == torch.optim.SGD,
            nn.ValueRange(0.01, 1.0, log=True, points=3, label="sgd_rate"),
            nn.ValueRange(1e-4, 1e-2, log=True, points=3, label="adam_rate"),
        ),
        weight_decay=nn.ValueRange(0.0, 0.2, points=2, label="regularization") / 100,
        train_dataloaders=pl.DataLoader(load(512), batch_size=nn.ValueChoice([32, 64]), shuffle=True),
        max_epochs=nn.ValueRange(1, 2, label="epochs"),
        gradient_clip_val=nn.ValueChoice([None, 0.5]),
        callbacks=[Witness()],
    )


def make_space(evaluator: Any) -> ModelSpace:
    """The space of the network and the settings."""
    return ModelSpace(Net(), evaluator=evaluator, example_inputs=torch.zeros(1, 64))


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> RetiariiExperiment:
    """A search of six trials, as a user runs it, but that they run in this process, which has imported torch."""
    experiment = RetiariiExperiment(Net(), make_open_evaluator(), [], Random(seed=3))
    config = RetiariiExeConfig(
        "local", max_trial_number=6, experiment_working_directory=tmp_path_factory.mktemp("runs"), keep_weights=0
    )
    with patch("retix.experiment.experiment.make_engine", lambda *arguments: InlineEngine()):
        experiment.run(config)
    return experiment


def expect(trial: Trial) -> dict[str, Any]:
    """How a trial should have trained, by its sample."""
    sample = trial.sample
    sgd = sample["optimizer"] == SGD
    return {
        "sgd": float(sgd),
        "rate": sample["sgd_rate" if sgd else "adam_rate"],
        "decay": sample["regularization"] / 100,
        "batch": sample["evaluator.train_dataloaders.batch_size"],
        "epochs": sample["epochs"],
        "clip": sample["evaluator.gradient_clip_val"] or 0.0,
        "dropout": sample["regularization"],
        "width": sample["width"],
    }


def test_every_trial_trains_as_its_sample_says(experiment: RetiariiExperiment) -> None:
    """The optimizer, loader and trainer have the chosen settings, and the network the chosen layers."""
    trials = experiment.top_trials(6)
    assert len(trials) == 6
    for trial in trials:
        seen = {name: trial.metrics[f"val_{name}"] for name in expect(trial)}
        assert seen == pytest.approx(expect(trial), rel=1e-6)
        assert ("sgd_rate" in trial.sample) != ("adam_rate" in trial.sample)
    assert len({trial.sample["optimizer"] for trial in trials}) == 2
    assert len({trial.metric for trial in trials}) > 1


def test_exports_have_both(experiment: RetiariiExperiment) -> None:
    """The best sample holds the architecture and the settings; both can be made of it again."""
    best = experiment.top_trials(1)[0]
    (exported,) = experiment.export_top_models(1, formatter="dict")
    assert exported == best.sample.to_json()
    space = make_space(make_open_evaluator())
    evaluator: Any = space.fill_evaluator(exported)
    assert evaluator.trainer.max_epochs == best.metrics["val_epochs"]
    assert evaluator.train_dataloaders.batch_size == best.metrics["val_batch"]
    assert f"nn.Linear(64, {exported['width']})" in space.source(exported).text
    assert "nn.Linear" in experiment.export_top_models(1, formatter="code")[0]


def test_the_space_is_one() -> None:
    """Settings are counted with the architecture, only where they matter, and survive JSON."""
    space = make_space(make_open_evaluator())
    assert space.size == (3 * 2 * 2) * (3 + 3) * 2 * 2 * 2
    labels = [decision.label for decision in space.decisions]
    assert labels.count("regularization") == 1
    again = ModelSpace.from_json(space.to_json())
    assert again.size == space.size
    assert [decision.label for decision in again.decisions] == labels


def test_settings_tell_trials_apart() -> None:
    """One network under two learning rates is two trials, although the code is the same."""
    space = make_space(make_evaluator(learning_rate=nn.ValueChoice([0.1, 0.01], label="rate")))
    one, other = (space.complete({"rate": rate}) for rate in (0.1, 0.01))
    assert space.fingerprint(one) != space.fingerprint(other)
    assert space.source(one).text == space.source(other).text


def test_contradicting_labels_are_refused() -> None:
    """A label that means one thing in the model and another in the evaluator is an error at once."""
    with pytest.raises(LabelConflictError, match="the label 'regularization' stands for two different choices"):
        make_space(make_evaluator(weight_decay=nn.ValueChoice([0.5, 0.1], label="regularization")))


def test_functions_as_candidates() -> None:
    """What makes an optimizer may be a function, one of one's own, or a partial; all have names without addresses."""
    candidates = [make_sgd, functools.partial(torch.optim.SGD, momentum=0.9), functools.partial(make_sgd, lr=0.1)]
    space = make_space(make_evaluator(optimizer=nn.ValueChoice(candidates, label="optimizer")))
    assert [d.candidates for d in space.decisions if d.label == "optimizer"] == [
        (
            "tests.experiment.witness.make_sgd",
            "torch.optim.sgd.SGD(momentum=0.9)",
            "tests.experiment.witness.make_sgd(lr=0.1)",
        )
    ]
    samples = [space.complete({"optimizer": name}) for d in space.decisions[-1:] for name in d.candidates]
    made = [space.fill_evaluator(sample) for sample in samples]
    assert [evaluator.module.optimizer for evaluator in made] == candidates  # type: ignore[attr-defined]
    assert len({space.fingerprint(sample) for sample in samples}) == 3


def make_local() -> Any:
    """A function that is another one, at another address, in each process, as here at each call."""

    def optimize(parameters: Any, lr: float, weight_decay: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr)

    return optimize


def test_trials_are_known_again_in_another_process() -> None:
    """What tells trials apart has no addresses in it, but tells functions of one name apart."""
    fingerprints = []
    for candidates in [make_local(), functools.partial(make_local(), lr=1.0), make_local()], [make_local()]:
        space = make_space(make_evaluator(optimizer=nn.ValueChoice(candidates, label="optimizer")))
        answers = next(decision.candidates for decision in space.decisions if decision.label == "optimizer")
        fingerprints.append([space.fingerprint(space.complete({"optimizer": answer})) for answer in answers])
    assert len(set(fingerprints[0])) == 3
    assert fingerprints[1] == fingerprints[0][:1]


def test_settings_of_an_optimizer() -> None:
    """A function of choices makes the optimizer, and a setting that one of two has is asked for that one alone."""
    name = nn.ValueChoice(["sgd", "adam"], label="optimizer")
    momentum = nn.ValueChoice.condition(name == "sgd", nn.ValueChoice([0.0, 0.9], label="momentum"), 0.0)
    optimizer = nn.ChoiceOf(make_optimizer, None, [name, momentum])
    space = make_space(make_evaluator(optimizer=optimizer))
    assert space.size == (3 * 2 * 2) * (2 + 1)
    filled: Any = space.fill_evaluator(space.complete({"optimizer": "sgd", "momentum": 0.9}))
    assert filled.module.optimizer.keywords == {"momentum": 0.9}
    assert "momentum" not in space.complete({"optimizer": "adam"})
    assert ModelSpace.from_json(space.to_json()).size == space.size


@dataclass
class Settings:
    """Settings of a user's own training."""

    rate: float
    steps: int = 10


def test_own_training_functions() -> None:
    """A function's arguments are decided, also inside of a dataclass."""
    settings = Settings(nn.ValueRange(0.25, 1.0, points=4, label="rate"), steps=nn.ValueChoice([10, 20], label="steps"))
    experiment = RetiariiExperiment(
        Net(),
        FunctionalEvaluator(train, settings=settings, scale=nn.ValueChoice([1, 2], label="scale")),
        example_inputs=torch.zeros(1, 64),
    )
    sample = {"width": 8, "act": "relu", "regularization": 0.0, "rate": 0.75, "steps": 20, "scale": 2}
    assert experiment.local_debug_run(sample) == {"default": 1.5, "steps": 20, "scale": 2}


class Untraced(pl.LightningModule):  # type: ignore[misc]  # without types of its own
    """A module of a user's who forgot to let its arguments be remembered."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate


def test_choices_that_nobody_could_make_are_refused() -> None:
    """A choice in an object whose arguments nobody remembers is an error before the search, not in each trial."""
    module = Untraced(nn.ValueChoice([0.1, 0.2], label="rate"))
    with pytest.raises(
        EvaluationError, match="lightning_module is a Untraced that keeps a choice in its attribute 'rate'"
    ):
        make_space(pl.Lightning(module, pl.Trainer(max_epochs=1), load(8), load(8)))
