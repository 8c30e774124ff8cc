"""Settings, checked where they are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.experiment import (
    BaseEngineConfig,
    BenchmarkEngineConfig,
    CgoEngineConfig,
    FailurePolicy,
    OneshotEngineConfig,
    PyEngineConfig,
    RayService,
    RetiariiExeConfig,
    TrainingService,
)
from retix.trial import FailureKind

WRONG = [
    ("trial_concurrency", 0, "trial_concurrency = 0", "a whole number of at least 1"),
    ("trial_concurrency", 1.5, "trial_concurrency = 1.5", "a whole number of at least 1"),
    ("trial_concurrency", "2", "trial_concurrency = '2'", "a whole number of at least 1"),
    ("max_trial_number", -1, "max_trial_number = -1", "a whole number of at least 1"),
    ("trial_threads", 0, "trial_threads = 0", "greater than 0"),
    ("trial_gpu_number", -1, "trial_gpu_number = -1", "greater than or equal to 0"),
    ("trial_gpu_number", 1.5, "trial_gpu_number = 1.5", "0.5 lets two trials share"),
    ("max_trial_memory", "much", "max_trial_memory = 'much'", "'2GB'"),
    ("max_trial_memory", 0, "max_trial_memory = 0", "'2GB'"),
    ("max_trial_log", "5 lines", "max_trial_log = '5 lines'", "'500MB'"),
    ("isolation", "cold", "isolation = 'cold'", "'warm' or 'fresh'"),
    ("recycle_after", 0, "recycle_after = 0", "greater than 0"),
    ("frozen_after", "never", "frozen_after = 'never'", "'90s'"),
    ("deterministic", "perhaps", "deterministic = 'perhaps'", "boolean"),
    ("on_failure", {"crash": "fail"}, "there is no kind of failure 'crash'", "worker_lost"),
    ("on_failure", {"killed": "again"}, "'again' is no policy", "'retry:3'"),
    ("on_failure", "fail", "on_failure = 'fail'", "dictionary"),
    ("keep_weights", -1, "keep_weights = -1", "greater than or equal to 0"),
    ("max_experiment_duration", "soon", "max_experiment_duration = 'soon'", "'30m'"),
    ("max_experiment_duration", "5 weeks", "max_experiment_duration = '5 weeks'", "'2d'"),
    ("max_trial_duration", 0, "max_trial_duration = 0", "'90s'"),
    ("max_trial_duration", float("inf"), "max_trial_duration = inf", "'90s'"),
    ("optimize_mode", "best", "optimize_mode = 'best'", "'maximize' or 'minimize'"),
    ("training_service_platform", "remote", "training_service_platform = 'remote'", "'local'"),
    ("execution_engine", "cgo", "execution_engine = 'cgo'", "'base' with a higher trial_concurrency"),
    ("execution_engine", "oneshot", "execution_engine = 'oneshot'", "'base' and a multi-trial strategy"),
    ("execution_engine", "benchmark", "execution_engine = 'benchmark'", "FunctionalEvaluator"),
    ("execution_engine", "pi", "execution_engine = 'pi'", "'auto', 'base' or 'py'"),
    ("execution_engine", 3, "execution_engine = 3", "'auto', 'base' or 'py'"),
    ("search_space", {"a": [1]}, "search_space = {'a': [1]}", "choices"),
    ("tuner", "TPE", "tuner = 'TPE'", "give a strategy"),
    ("trial_command", "python train.py", "trial_command = 'python train.py'", "leave it out"),
    ("use_annotation", True, "use_annotation = True", "leave it out"),
    ("nni_manager_ip", "10.0.0.1", "nni_manager_ip = '10.0.0.1'", "leave it out"),
    ("experiment_type", "hpo", "experiment_type = 'hpo'", "'nas'"),
    ("log_level", "loud", "log_level = 'loud'", "'debug'"),
    ("trial_concurency", 2, "there is no setting 'trial_concurency'", "trial_concurrency"),
]


@pytest.mark.parametrize(("name", "value", "what", "fix"), WRONG)
def test_a_wrong_assignment_fails_on_its_line(name: str, value: Any, what: str, fix: str) -> None:
    """The error names the setting, the value and what to write; the setting stays as it was."""
    config = RetiariiExeConfig("local")
    before = config.to_json()
    with pytest.raises(ConfigError) as caught:
        setattr(config, name, value)
    assert what in caught.value.what
    assert fix in str(caught.value)
    assert config.to_json() == before


@pytest.mark.parametrize(("name", "value", "what", "fix"), WRONG)
def test_a_wrong_argument_fails_on_its_line(name: str, value: Any, what: str, fix: str) -> None:
    """The constructor checks as assignments do."""
    with pytest.raises(ConfigError) as caught:
        RetiariiExeConfig(**{name: value})
    assert what in caught.value.what
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [(90, 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), (" 2 d ", 172800), ("45", 45)]
)
def test_durations(text: str | int, seconds: float) -> None:
    """Durations are seconds, or numbers with a unit."""
    assert RetiariiExeConfig(max_experiment_duration=text).max_experiment_duration == seconds


def test_settings_of_the_training_service_are_checked() -> None:
    """What NNI's scripts set there is understood, and mistakes are named."""
    config = RetiariiExeConfig("local")
    config.training_service.use_active_gpu = False
    config.training_service.gpu_indices = [0, 1]
    assert config.training_service == TrainingService(use_active_gpu=False, gpu_indices=[0, 1])
    with pytest.raises(ConfigError, match="there is no setting 'gpus'"):
        config.training_service.gpus = 1


def test_each_config_has_a_training_service_of_its_own() -> None:
    """What one experiment sets changes no other."""
    config = RetiariiExeConfig()
    config.training_service.gpu_indices = [3]
    assert RetiariiExeConfig().training_service.gpu_indices is None


def test_the_root_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home directory is written out, and a relative path starts where the program stands."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert RetiariiExeConfig().root == tmp_path / "retix-experiments"
    assert RetiariiExeConfig(experiment_working_directory="here").root == tmp_path / "here"


def test_settings_are_json() -> None:
    """The store keeps all of them, durations in seconds."""
    config = RetiariiExeConfig("local", max_trial_duration="2m", experiment_name="digits")
    data = config.to_json()
    assert (data["max_trial_duration"], data["experiment_name"], data["trial_concurrency"]) == (120.0, "digits", 1)
    assert data["training_service"] == {
        "platform": "local",
        "gpu_indices": None,
        "max_trial_number_per_gpu": 1,
        "use_active_gpu": None,
    }


def test_recorded_settings_make_the_same_config() -> None:
    """What the store keeps of a config is enough to make it again, also of a cluster."""
    local = RetiariiExeConfig(
        "local",
        {"name": "base", "dummy_input": [1, 4]},
        max_trial_memory="2GB",
        max_trial_log=None,
        on_failure={"timeout": "penalise:0.5", FailureKind.RAISED: FailurePolicy(stop_after=3)},
        trial_gpu_number=0.5,
        isolation="fresh",
        deterministic=True,
        weights_url="memory://weights",
        training_service=TrainingService(gpu_indices="0,1", max_trial_number_per_gpu=2),
    )
    ray = RetiariiExeConfig("ray", training_service=RayService(address="auto", resources={"CPU": 2}))
    for config in (local, ray):
        data = json.loads(json.dumps(config.to_json()))
        assert RetiariiExeConfig(**data) == config
        assert RetiariiExeConfig(**data).to_json() == data
    assert local.on_failure[FailureKind.TIMEOUT] == FailurePolicy(penalty=0.5)


@pytest.mark.parametrize(
    ("text", "size"), [(1000, 1000), ("2GB", 2 * 10**9), ("1.5 MB", 1_500_000), ("4GiB", 2**32), ("512", 512)]
)
def test_sizes(text: str | int, size: int) -> None:
    """Sizes are bytes, or numbers with a unit; logs are kept to 100 MB if nothing is said."""
    assert RetiariiExeConfig(max_trial_memory=text).max_trial_memory == size
    assert RetiariiExeConfig().max_trial_log == 100_000_000


def test_a_cluster() -> None:
    """The platform chooses the service, and a service the platform; both have to name the same."""
    config = RetiariiExeConfig("ray")
    assert config.training_service == RayService()
    config.training_service.address = "ray://head:10001"
    assert config.to_json()["training_service"]["address"] == "ray://head:10001"
    assert RetiariiExeConfig(training_service=RayService()).training_service_platform == "ray"
    for contradict in (
        lambda: RetiariiExeConfig("local", training_service=RayService()),
        lambda: setattr(config, "training_service", TrainingService()),
        lambda: setattr(config, "training_service_platform", "local"),
    ):
        with pytest.raises(ConfigError, match="the training_service is a") as caught:
            contradict()
        assert "make another config: RetiariiExeConfig(" in str(caught.value.fix)
    with pytest.raises(ConfigError, match="there is no setting 'gpu_indices'"):
        config.training_service.gpu_indices = [0]


def test_assessors_are_rules() -> None:
    """Who asks for an assessor of NNI's is told of rules of early stopping."""
    with pytest.raises(ConfigError) as caught:
        RetiariiExeConfig("local", assessor={"name": "Medianstop"})
    assert "early_stopping" in str(caught.value.fix)
    assert "MedianStopping" in str(caught.value.fix)


def test_what_nni_sets_by_default_may_be_set() -> None:
    """Scripts that write NNI's defaults out run; what retix has no use for is not recorded."""
    config = RetiariiExeConfig(None, execution_engine="py", debug=True, trial_code_directory=".", log_level="INFO")
    for name, value in {
        **dict.fromkeys(["tuner", "assessor", "advisor", "search_space_file", "shared_storage", "nni_manager_ip"]),
        **{"experiment_type": "nas", "search_space": "", "trial_command": "_reserved", "use_annotation": False},
    }.items():
        setattr(config, name, value)
    config.training_service.reuse_mode = True
    config.training_service.max_trial_number_per_gpu = 1
    assert (config.training_service_platform, config.log_level) == ("local", "info")
    assert not {"tuner", "debug", "trial_command"} & config.to_json().keys()
    config.training_service.max_trial_number_per_gpu = 2
    with pytest.raises(ConfigError, match="max_trial_number_per_gpu = 0"):
        config.training_service.max_trial_number_per_gpu = 0


@pytest.mark.parametrize("indices", [[0, 1], "0,1", "0, 1"])
def test_gpu_indices(indices: Any) -> None:
    """They are a list, or a string as NNI has it."""
    assert TrainingService(gpu_indices=indices).gpu_indices == [0, 1]
    assert TrainingService(gpu_indices=1).gpu_indices == [1]


def test_execution_engines() -> None:
    """An engine is named by a string, by NNI's classes, or by a dict; it equals its name and keeps a shape."""
    config = RetiariiExeConfig("local", "base")
    assert config.execution_engine == "base"
    assert config.execution_engine.engine == "graph"
    config.execution_engine.dummy_input = [1, 4]
    assert config.to_json()["execution_engine"] == {"name": "base", "dummy_input": [1, 4]}
    config.execution_engine = PyEngineConfig()
    assert (config.execution_engine, config.to_json()["execution_engine"]) == ("py", "py")
    config.execution_engine = {"name": "base", "dummy_input": [2, 4]}
    assert config.execution_engine == BaseEngineConfig(dummy_input=[2, 4])
    with pytest.raises(ConfigError, match=r"dummy_input = \[0\] is no shape"):
        config.execution_engine.dummy_input = [0]
    with pytest.raises(ConfigError, match="has no setting 'batch_waiting_time'"):
        config.execution_engine.batch_waiting_time = 3
    for refused in (CgoEngineConfig, OneshotEngineConfig, BenchmarkEngineConfig):
        with pytest.raises(ConfigError, match="no such engine in retix"):
            refused()
