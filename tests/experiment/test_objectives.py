"""What a search is after: from the config to the front that it gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError, SpaceError
from retix.evaluator import FunctionalEvaluator
from retix.experiment import RecordedExperiment, RetiariiExeConfig, RetiariiExperiment
from retix.experiment.objectives import choose_objectives, find_measured, read_limits, read_objectives
from retix.experiment.plan import Plan, make_plan
from retix.experiment.record.earlier import Earlier, find_earlier
from retix.experiment.session import open_store
from retix.measures import Measure, Subject
from retix.model_space import ModelSpace
from retix.objective import Limit, Objective
from retix.space import Sample
from retix.stopping import ASHA, EarlyStopping, MedianStopping
from retix.strategy import BaseStrategy, GridSearch, LocalSearch, Random, Strategy
from retix.trial import Verdict
from tests.cli.conftest import Run, run  # noqa: F401  # a fixture
from tests.experiment.nets import INPUTS, Chain
from tests.experiment.scores import score_width
from tests.experiment.test_experiment import make_config, make_experiment

# `score_width` is best at a width of 4, and a `Chain` of width w has 5 w + 2 w + 2 parameters.
BOTH = {"parameters": "minimize", "default": "maximize"}


class Waste(Measure):
    """A measure of a user's own."""

    name = "waste"
    mode = "minimize"

    def __call__(self, subject: Subject) -> float:
        return float(subject.build().last.weight.numel())


def test_objectives_are_read_in_several_forms() -> None:
    """A dict of modes, texts and objects mean the same; `default` comes first, as it ranks single models."""
    config = RetiariiExeConfig()
    assert config.objectives == ()
    wanted = (Objective(), Objective("parameters", "minimize"))
    texts = (["minimize parameters", "maximize default"], ["default", "parameters"])
    for form in (BOTH, *texts, list(reversed(wanted)), wanted):
        config.objectives = form  # type: ignore[assignment]  # what is tested
        assert config.objectives == wanted
    config.objectives = Objective(mode="minimize", at_most=3)  # type: ignore[assignment]  # what is tested
    assert config.objectives == (Objective(mode="minimize", at_most=3),)
    config = RetiariiExeConfig(optimize_mode="minimize", objectives=["default", "naswot"])
    assert config.objectives == (Objective(mode="minimize"), Objective("naswot", "maximize"))


def test_limits_are_read_in_several_forms() -> None:
    """A text, several of them, and objects."""
    config = RetiariiExeConfig(limits="parameters <= 1_000")
    assert config.limits == (Limit("parameters", at_most=1000),)
    config.limits = ["flops<=2e6", Limit("accuracy", at_least=0.5)]  # type: ignore[assignment]  # what is tested
    assert config.limits == (Limit("flops", at_most=2e6), Limit("accuracy", at_least=0.5))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("objectives", {"parameters": "minimize"}, "'default' is none"),
        ("objectives", {"default": "up"}, "'up'"),
        ("objectives", ["default", "accuracy"], "'accuracy' is no objective"),
        ("objectives", ["maximize default", "minimize default"], "one objective per metric"),
        ("objectives", [{"name": "default", "weight": 2}], "Objective has no 'weight'"),
        ("objectives", 3, "objectives = 3"),
        ("limits", "parameters < 10", "'parameters < 10' is no limit"),
        ("limits", "parameters <= few", "'parameters <= few' is no limit"),
        ("limits", {"parameters": 10}, "limits = {'parameters': 10}"),
        ("early_stopping", "ASHA", "early_stopping = 'ASHA' is no rule"),
        ("early_stopping", {"rule": "nowhere.Rule"}, "cannot be imported"),
    ],
)
def test_nonsense_fails_on_its_line(name: str, value: Any, said: str) -> None:
    """The error says what is written wrongly, and the config stays as it was."""
    config = RetiariiExeConfig()
    before = config.to_json()
    with pytest.raises(ConfigError, match=said.replace("{", r"\{")):
        setattr(config, name, value)
    assert config.to_json() == before


def test_the_record_makes_the_same_config() -> None:
    """Objectives, limits and the rule go through JSON."""
    config = RetiariiExeConfig(objectives=BOTH, limits="flops <= 1e9", early_stopping=ASHA(9, mode="stop"))
    data = json.loads(json.dumps(config.to_json()))
    again = RetiariiExeConfig(**data)
    assert (again.objectives, again.limits) == (config.objectives, config.limits)
    assert isinstance(again.early_stopping, ASHA)
    assert again.to_json() == data


def test_the_direction_must_be_one() -> None:
    """The mode of `default` among the objectives is one more voice that has to agree."""
    experiment = make_experiment(Chain())
    with pytest.raises(ConfigError, match=r"config\.objectives says 'minimize'"):
        experiment.run(RetiariiExeConfig(objectives={"default": "minimize"}, optimize_mode="maximize"))


@dataclass(frozen=True, slots=True)
class Ended:
    """A search for two objectives that has run."""

    root: Path
    search: RetiariiExperiment
    view: RecordedExperiment


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """All six networks, of at least two in width."""
    root = tmp_path_factory.mktemp("runs")
    search = make_experiment(Chain(), score_width, GridSearch(seed=0))
    search.run(make_config(root, objectives=BOTH, limits="parameters >= 16", early_stopping=MedianStopping(5)))
    return Ended(root, search, RetiariiExperiment.view(search.id, None, directory=root))


def widths(trials: list[Any]) -> list[int]:
    """The widths of trials."""
    return [trial.sample["width"] for trial in trials]


def test_measures_are_known_before_training(ended: Ended) -> None:
    """What training is not needed for stands among the metrics, and what breaks a limit was not tried at all."""
    trials = ended.view.trials()
    assert sorted(widths(trials)) == [2, 3, 4, 5, 6]
    assert all(trial.metrics["parameters"] == 7 * trial.sample["width"] + 2 for trial in trials)


def test_the_front_is_exported(ended: Ended) -> None:
    """Nothing is wider than the best; of the front, `top_k` models are taken, the best by `default` first."""
    assert widths(ended.view.front()) == [4, 3, 2]
    assert widths(ended.view.top_trials()) == [4, 3, 2]
    assert ended.search.export_top_models() == [{"width": 4}, {"width": 3}, {"width": 2}]
    assert ended.search.export_top_models(top_k=1) == [{"width": 4}]
    assert ended.search.export_top_models(2, "minimize") == [{"width": 2}, {"width": 6}]
    assert [aim.name for aim in ended.view.objectives] == ["default", "parameters"]
    assert [str(limit) for limit in ended.view.objectives.limits] == ["parameters >= 16"]
    written = ended.view.export(ended.root / "out", front=True, check=False)
    assert [folder.trial for folder in written] == [trial.id for trial in ended.view.front()]


def test_the_command_line_shows_and_exports_the_front(ended: Ended, run: Run, tmp_path: Path) -> None:  # noqa: F811
    """`retix show` says what the search was after, and has the metrics; `retix export --front` writes each model."""
    front = [trial.id for trial in ended.view.front()]
    shown = run("show", ended.search.id, "--dir", ended.root).out
    assert "objectives: maximize default, minimize parameters" in shown
    assert "limits: parameters >= 16" in shown
    assert "early stopping: MedianStopping(grace_steps=5, warmup_trials=5)" in shown
    assert "front: 3 trials that no other is better than" in shown
    assert json.loads(run("show", ended.search.id, "--dir", ended.root, "--json").out)["front"] == front
    paths = [Path(path) for path in run(
        *("export", ended.search.id, "--dir", ended.root, "--front", "--no-check", "--out", tmp_path / "out")
    ).out.split()]  # fmt: skip
    assert [path.name for path in paths] == [f"{rank}-trial-{id}" for rank, id in enumerate(front, start=1)]
    best = run("export", ended.search.id, "--dir", ended.root, "--no-check", "--out", tmp_path / "best").out
    assert [Path(path).name for path in best.split()] == [f"1-trial-{front[0]}"]


def test_a_resumed_search_is_after_the_same(ended: Ended) -> None:
    """Other objectives, other limits and another kind of rule are refused; another argument of the rule is not."""

    def resume(**changes: Any) -> None:
        RetiariiExperiment.resume(ended.search.id, None, directory=ended.root, **changes)

    with pytest.raises(ConfigError, match="objectives was"):
        resume(objectives=())
    with pytest.raises(ConfigError, match="limits was"):
        resume(limits="parameters >= 17")
    for rule, name in ((ASHA(9), "ASHA"), (None, "None")):
        with pytest.raises(ConfigError, match=f"early_stopping was MedianStopping and is {name}"):
            resume(early_stopping=rule)
    resume(early_stopping=MedianStopping(7))
    assert sorted(widths(ended.view.trials())) == [2, 3, 4, 5, 6]


def test_a_limit_that_nothing_keeps_ends_before_training(tmp_path: Path) -> None:
    """The error shows the least that the space has, and nothing is recorded."""
    experiment = make_experiment(Chain(), score_width, Random(seed=0))
    with pytest.raises(SpaceError, match=r"the smallest is 9, of \{'width': 1\}"):
        experiment.run(make_config(tmp_path / "runs", limits="parameters <= 8"))
    assert not (tmp_path / "runs").exists()


def test_a_user_measure_may_be_an_objective() -> None:
    """Measures of the user's own are passed on to the space; a space that is there already brings its own."""
    evaluator = FunctionalEvaluator(score_width)
    space = RetiariiExperiment(Chain(), evaluator, example_inputs=INPUTS, measures=[Waste()]).space
    assert space.measure(Sample({"width": 3}), "waste") == 6.0
    aims = choose_objectives(
        read_objectives(["maximize default", "minimize waste"]), read_limits("loss <= 3"), "maximize"
    )
    assert find_measured(space, aims) == ("waste",)
    with pytest.raises(ConfigError, match="measures to the ModelSpace"):
        RetiariiExperiment(space, evaluator, measures=[Waste()])


class Submitter(BaseStrategy):
    """A strategy of NNI's kind."""

    def run(self, base_model: Any, applied_mutators: Any) -> None:
        raise NotImplementedError


def plan(strategy: Strategy | BaseStrategy, **settings: Any) -> Plan:
    """The plan of a search of `Chain`."""
    space = ModelSpace(Chain(), (), INPUTS, FunctionalEvaluator(score_width))
    return make_plan(space, strategy, RetiariiExeConfig(**settings), "maximize", None)


def test_the_strategy_and_the_rule_know_what_the_search_is_after() -> None:
    """The rule is one of the search's own, so that one config serves several searches."""
    rule = ASHA(9)
    made = plan(Random(seed=0), objectives=BOTH, limits=["parameters >= 16", "loss <= 3"], early_stopping=rule)
    wanted = (Objective(), Objective("parameters", "minimize"))
    assert made.objectives.objectives == made.strategy.objectives.objectives == wanted
    assert made.measured == ("parameters",)
    assert isinstance(made.stopping, ASHA)
    assert made.stopping is not rule
    assert (made.stopping.objectives.objectives, rule.objectives.objectives) == (wanted, (Objective(),))
    assert not made.strategy.space.permits(Sample({"width": 1}))
    assert made.strategy.space.permits(Sample({"width": 2}))


def test_without_settings_a_search_is_after_default() -> None:
    """No space in between, nothing measured, no rule."""
    made = plan(Random(seed=0))
    assert (made.objectives.objectives, made.measured, made.stopping) == ((Objective(),), (), None)
    assert made.strategy.space is made.space


def test_strategies_for_one_objective() -> None:
    """One of retix's refuses several; one of NNI's compares `default`, and cannot keep limits."""
    with pytest.raises(ConfigError, match="LocalSearch searches for one objective"):
        plan(LocalSearch(seed=0), objectives=BOTH)
    made = plan(Submitter(), objectives=BOTH)
    assert (len(made.objectives), len(made.strategy.objectives), made.measured) == (2, 1, ("parameters",))
    with pytest.raises(ConfigError, match="Submitter proposes models, and parameters >= 16"):
        plan(Submitter(), limits="parameters >= 16")


class BelowHalf(EarlyStopping):
    """A rule of a user's own."""

    def __init__(self, bound: float = 0.5) -> None:
        super().__init__()
        self.bound = bound

    def report(self, trial: int, step: int, metrics: Mapping[str, float]) -> Verdict:
        return Verdict.STOP if metrics["default"] < self.bound else Verdict.GO_ON


def record(root: Path, rule: EarlyStopping) -> Earlier:
    """What is recorded of a search with a rule, before its first trial."""
    made = plan(Random(seed=0), early_stopping=rule, experiment_working_directory=root)
    with open_store(made, "digits", None) as store:
        for name, data in made.files.items():
            store.write_file(name, data)
        return find_earlier(root, store.id)


def test_a_rule_of_the_users_own_is_made_again(tmp_path: Path) -> None:
    """By its importable name and its arguments."""
    rule = record(tmp_path, BelowHalf(0.25)).config.early_stopping
    assert isinstance(rule, BelowHalf)
    assert rule.bound == 0.25


def test_a_rule_without_a_name_needs_the_script(tmp_path: Path) -> None:
    """The search runs; it goes on from the script, which has the rule, and not by its id alone."""

    class Local(BelowHalf):
        pass

    earlier = record(tmp_path, Local())
    with pytest.raises(ConfigError, match=r"(?s)Local has no importable name.*exp\.run\(config, resume="):
        _ = earlier.config
    config = RetiariiExeConfig(early_stopping=Local(0.75), experiment_working_directory=tmp_path)
    assert earlier.settle(config) is config
    config.early_stopping = BelowHalf()
    with pytest.raises(ConfigError, match="early_stopping was Local and is BelowHalf"):
        earlier.settle(config)
