"""Defects that NNI's users met, each shown to be absent here; docs/nni.md lists those that do not apply yet."""

from __future__ import annotations

import random
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

import retix.evaluator.pytorch.lightning as pl
import retix.nn.pytorch as nn
from retix import (
    FunctionalEvaluator,
    ModelSpace,
    RetiariiExeConfig,
    RetiariiExperiment,
    debug_mutated_model,
    fixed_arch,
    model_wrapper,
)
from retix.recipe import dumps
from retix.strategy import RegularizedEvolution, TPEStrategy
from retix.testing import make_conditional_space, make_flat_space, search
from retix.trial import Trial, TrialState


@model_wrapper
class OldSuper(nn.Module):
    """Names itself in super(), and has nothing to choose."""

    def __init__(self) -> None:
        super(OldSuper, self).__init__()  # noqa: UP008  # the defect is about this spelling
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer."""
        return self.layer(x)


@model_wrapper
class Net(nn.Module):
    """A layer, and two of three inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LayerChoice([nn.Linear(2, 2), nn.Linear(2, 2, bias=False)], label="layer")
        self.inputs = nn.InputChoice(3, 2, label="inputs")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sum two of three."""
        return self.inputs([x, self.layer(x), x * 2])


INPUTS = torch.ones(1, 2)


def score(model_cls: Any, table: torch.Tensor | None = None) -> float:
    """Stand for training."""
    return float(sum(parameter.numel() for parameter in model_cls().parameters()))


def run(root: Path, module: torch.nn.Module, strategy: Any = None, **arguments: Any) -> RetiariiExperiment:
    """An experiment of at most two trials that has ended."""
    evaluator = FunctionalEvaluator(score, **arguments)
    experiment = RetiariiExperiment(module, evaluator, None, strategy, example_inputs=INPUTS)
    experiment.run(RetiariiExeConfig("local", experiment_working_directory=root, max_trial_number=2))
    return experiment


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[RetiariiExperiment, RetiariiExperiment]:
    """Two experiments in one process: one without choices and with a large evaluator, one by evolution."""
    root = tmp_path_factory.mktemp("runs")
    large = torch.arange(100_000)
    return run(root, OldSuper(), table=large), run(root, Net(), RegularizedEvolution(cycles=20000, seed=1))


Ended = tuple[RetiariiExperiment, RetiariiExperiment]


def test_large_evaluators(ended: Ended) -> None:
    """NNI's graph engine died of an evaluator above 4096 bytes."""
    assert [trial.state for trial in ended[0].trials()] == [TrialState.SUCCEEDED]


def test_old_super(ended: Ended) -> None:
    """``super(Cls, self)`` recursed for ever under a decorator."""
    assert type(OldSuper()) is OldSuper
    assert ended[0].trials()[0].metric == 6


def test_no_choices(ended: Ended) -> None:
    """A model without choices and mutators raised a TypeError; it is one model, and is trained once."""
    assert len(ended[0].trials()) == 1


def test_two_experiments_in_one_process(ended: Ended) -> None:
    """The second one could not begin."""
    assert ended[0].id != ended[1].id
    assert ended[1].trials()


def test_evolution_keeps_to_its_budget(ended: Ended) -> None:
    """It never looked at it."""
    assert sum(trial.state is not TrialState.DUPLICATE for trial in ended[1].trials()) == 2


def test_the_export_can_be_loaded(ended: Ended) -> None:
    """The dict of the graph engine did not fit fixed_arch."""
    (best,) = ended[1].export_top_models(formatter="dict")
    with fixed_arch(best):
        net = Net()
    assert not isinstance(net.layer, nn.LayerChoice)
    assert net(INPUTS).shape == (1, 2)


def test_inputs_are_chosen_without_replacement() -> None:
    """One input could be taken twice."""
    space = ModelSpace(Net(), example_inputs=INPUTS)
    chosen = {space.random(seed)["inputs"] for seed in range(40)}
    assert chosen == {(0, 1), (0, 2), (1, 2)}


def test_a_resumed_evolution_goes_on() -> None:
    """It began with a fresh population, and forgot old metrics."""
    space = ModelSpace(Net(), example_inputs=INPUTS)

    def play(strategy: RegularizedEvolution, first: int, count: int) -> list[Any]:
        samples = []
        for number in range(first, first + count):
            proposal = strategy.ask()
            assert proposal is not None
            samples.append(proposal.sample)
            strategy.tell(Trial(number, proposal.sample, TrialState.SUCCEEDED, {"default": float(number % 3)}))
        return samples

    settings: dict[str, Any] = {"population_size": 3, "sample_size": 2, "cycles": 50, "mutation_prob": 0.5}
    whole = RegularizedEvolution(**settings, seed=4)
    whole.start(space)
    wanted = play(whole, 1, 12)
    begun, resumed = RegularizedEvolution(**settings, seed=4), RegularizedEvolution(**settings, seed=5)
    begun.start(space)
    got = play(begun, 1, 6)
    resumed.start(space)
    resumed.load_state(begun.state())
    assert got + play(resumed, 7, 6) == wanted


def make_lightning(rate: float) -> pl.Classification:
    """An evaluator of one epoch over eight points."""
    data = pl.DataLoader(TensorDataset(torch.ones(8, 2), torch.zeros(8, dtype=torch.long)), batch_size=4)
    return pl.Classification(learning_rate=rate, train_dataloaders=data, val_dataloaders=data, max_epochs=1)


def test_lightning_evaluators_differ() -> None:
    """Any two of them compared equal."""
    assert make_lightning(0.1) != make_lightning(0.2)


def test_an_evaluator_serves_two_models() -> None:
    """The second one failed with KeyError: 'val_acc'."""
    evaluator = make_lightning(0.1)
    for _ in range(2):
        assert "default" in evaluator._execute(OldSuper)


def test_debugging(capsys: pytest.CaptureFixture[str]) -> None:
    """`debug_mutated_model` raised; `local_debug_run` was documented and never existed."""
    debug_mutated_model(Net(), FunctionalEvaluator(score), [])
    assert "final result" in capsys.readouterr().out
    experiment = RetiariiExperiment(Net(), FunctionalEvaluator(score), example_inputs=INPUTS)
    assert experiment.local_debug_run({"layer": "1", "inputs": [0, 1]}) == {"default": 4.0}


def test_notebooks_send_what_is_needed() -> None:
    """They sent everything that they held."""
    notebook = types.ModuleType("__main__")
    notebook.table = random.Random(0).randbytes(1_000_000)
    exec("factor = 3\ndef score(model_cls):\n    return factor\n", notebook.__dict__)
    assert len(dumps(FunctionalEvaluator(notebook.score))) < 10_000


def test_tpe_maximises() -> None:
    """It always minimised, could not be told otherwise, and trained the same networks again and again."""
    space = make_conditional_space()
    strategy = TPEStrategy(seed=0)
    strategy.start(space)
    samples = [proposal.sample for proposal in search(strategy, lambda sample: float(sample.get("kernel", 0)), 12)]
    assert len(set(samples)) == len(samples) == space.size
    assert strategy.optimize_mode == "maximize"
    learned = TPEStrategy(seed=0)
    learned.start(make_flat_space(3))
    sums = [sum(p.sample.values()) for p in search(learned, lambda sample: float(sum(sample.values())), 24)]
    assert sum(sums[-12:]) > sum(sums[:12]) + 6
