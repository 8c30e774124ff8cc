"""Whole experiments with early stopping, as a user runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import retix.evaluator.pytorch as pl
from retix import Evaluator, FunctionalEvaluator, RetiariiExeConfig, RetiariiExperiment
from retix.errors import ConfigError
from retix.execution import InlineEngine
from retix.experiment import experiment
from retix.stopping import ASHA, EarlyStopping, MedianStopping
from retix.store import StoreReader, list_ids
from retix.strategy import GridSearch, Random, Strategy
from retix.trial import Trial, TrialState, Verdict
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import learn_width
from tests.experiment.searching import Scripted

EPOCHS = 4


WIDTHS = (5, 6, 2, 4, 1, 3)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trials run in this process, by one thread: more only cost time with networks as small as these."""
    monkeypatch.setattr(experiment, "make_engine", lambda *arguments: InlineEngine())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def search(
    root: Path, evaluator: Evaluator, rule: EarlyStopping | None, strategy: Strategy | None = None, **settings: Any
) -> StoreReader:
    """Try all widths."""
    config = RetiariiExeConfig("local", experiment_working_directory=root, early_stopping=rule, **settings)
    strategy = strategy or Scripted(*({"width": width} for width in WIDTHS))
    RetiariiExperiment(Chain(), evaluator, None, strategy, example_inputs=INPUTS).run(config)
    (id,) = list_ids(root)
    return StoreReader(root / id)


def learn(log: Path, steps: int = EPOCHS) -> FunctionalEvaluator:
    """What learns more the wider it is, and leaves a line for each step."""
    return FunctionalEvaluator(learn_width, log=log, steps=steps)


def check_steps(reader: StoreReader, log: Path) -> list[Trial]:
    """Check that each step was trained once, and that trials say how far they came; returns the trials."""
    lines, trials = log.read_text().splitlines(), reader.trials()
    assert len(set(lines)) == len(lines) == sum(trial.steps for trial in trials)
    for trial in trials:
        assert sum(line.startswith(f"{trial.sample['width']} ") for line in lines) == trial.steps
        assert [report.step for report in reader.reports(trial.id)] == list(range(trial.steps))
        assert trial.metric == trial.sample["width"] * trial.steps
        assert trial.state is (TrialState.SUCCEEDED if trial.steps == EPOCHS else TrialState.PRUNED)
    return trials


def test_halving_with_two_workers(tmp_path: Path) -> None:
    """Most of the training goes to the best; trials move between workers, and nothing is trained twice."""
    log = tmp_path / "log"
    reader = search(tmp_path / "root", learn(log), ASHA(EPOCHS, reduction=2), trial_concurrency=2)
    trials = check_steps(reader, log)
    assert sum(trial.steps for trial in trials) <= 0.7 * EPOCHS * len(trials)
    assert [trial.sample["width"] for trial in reader.best()] == [6]
    assert reader.counts()[TrialState.PRUNED] >= 3
    verdicts = [attempt.verdict for trial in trials for attempt in reader.attempts(trial.id)]
    assert verdicts.count(Verdict.PAUSE) == sum(step.kind == "pause" for step in reader.steps())
    assert not list(reader.directory.glob("trials/*/checkpoint*"))


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        (ASHA(EPOCHS, reduction=2, mode="stop"), [4, 4, 1, 1, 1, 1]),
        (MedianStopping(grace_steps=1, warmup_trials=2), [4, 4, 2, 4, 2, 3]),
    ],
)
def test_ending_by_what_is_known(tmp_path: Path, rule: EarlyStopping, steps: list[int]) -> None:
    """Without pauses, one trial after the other: those that are worse than earlier ones end early."""
    log = tmp_path / "log"
    reader = search(tmp_path / "root", learn(log), rule)
    assert [trial.steps for trial in check_steps(reader, log)] == steps
    assert not [step for step in reader.steps() if step.kind in ("pause", "promote")]


def make_lightning() -> pl.Classification:
    """Two separable clouds of points, four epochs."""
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(64, 4, generator=generator)
    data = TensorDataset(points, (points.sum(1) > 0).long())
    loader, validation = DataLoader(data, batch_size=16, shuffle=True), DataLoader(data, batch_size=64)
    return pl.Classification(
        train_dataloaders=loader, val_dataloaders=validation, max_epochs=EPOCHS, learning_rate=0.05, **QUIET
    )


QUIET: dict[str, Any] = {"enable_progress_bar": False, "logger": False, "enable_model_summary": False}


@pytest.mark.usefixtures("inline")
def test_lightning_goes_on_as_if_never_paused(tmp_path: Path) -> None:
    """What comes to its end has the very result that it has in a search without early stopping."""
    runs = {}
    for name, rule in {"whole": None, "halved": ASHA(EPOCHS, reduction=2)}.items():
        reader = search(tmp_path / name, make_lightning(), rule, deterministic=True)
        runs[name] = reader.trials()
    whole, halved = runs["whole"], runs["halved"]
    assert [trial.sample for trial in whole] == [trial.sample for trial in halved]
    assert {trial.steps for trial in whole} == {EPOCHS}
    finished = [trial for trial in halved if trial.state is TrialState.SUCCEEDED]
    assert finished
    assert max(trial.attempts for trial in finished) == 3
    for trial in finished:
        assert trial.metrics == whole[trial.id - 1].metrics
    assert sum(trial.steps for trial in halved) < 0.7 * EPOCHS * len(whole)


@pytest.mark.usefixtures("inline")
def test_two_objectives(tmp_path: Path) -> None:
    """Trials are compared by all objectives; what needs no training is known of every trial."""
    log = tmp_path / "log"
    objectives = {"default": "maximize", "parameters": "minimize"}
    rule = ASHA(EPOCHS, reduction=2)
    reader = search(tmp_path / "root", learn(log), rule, GridSearch(shuffle=False), objectives=objectives)
    trials = check_steps(reader, log)
    assert [trial.metrics["parameters"] for trial in trials] == [7.0 * width + 2 for width in (1, 2, 3, 4, 5, 6)]


@pytest.mark.usefixtures("inline")
def test_a_rule_serves_one_search(tmp_path: Path) -> None:
    """The config's own is never fed: a second search with it comes to the same."""
    rule = ASHA(EPOCHS, reduction=2)
    config = RetiariiExeConfig("local", early_stopping=rule, max_trial_number=4)
    found = []
    for name in ("one", "two"):
        config.experiment_working_directory = tmp_path / name
        evaluator = learn(tmp_path / f"{name}.txt")
        RetiariiExperiment(Chain(), evaluator, None, Random(seed=2), example_inputs=INPUTS).run(config)
        (id,) = list_ids(tmp_path / name)
        found.append([(trial.state, trial.steps) for trial in StoreReader(tmp_path / name / id).trials()])
    assert found[0] == found[1]


def test_deterministic_searches_have_one_slot(tmp_path: Path) -> None:
    """Else the experiment is refused, with a reason."""
    with pytest.raises(ConfigError, match="early stopping and trial_concurrency=2"):
        search(
            tmp_path / "root",
            learn(tmp_path / "log"),
            ASHA(EPOCHS),
            trial_concurrency=2,
            deterministic=True,
        )
