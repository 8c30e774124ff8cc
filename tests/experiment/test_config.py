"""Settings, checked where they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retix.errors import ConfigError
from retix.experiment import RetiariiExeConfig, TrainingService

WRONG = [
    ("trial_concurrency", 0, "trial_concurrency = 0", "a whole number of at least 1"),
    ("trial_concurrency", 1.5, "trial_concurrency = 1.5", "a whole number of at least 1"),
    ("trial_concurrency", "2", "trial_concurrency = '2'", "a whole number of at least 1"),
    ("max_trial_number", -1, "max_trial_number = -1", "a whole number of at least 1"),
    ("trial_threads", 0, "trial_threads = 0", "greater than 0"),
    ("trial_gpu_number", -1, "trial_gpu_number = -1", "greater than or equal to 0"),
    ("keep_weights", -1, "keep_weights = -1", "greater than or equal to 0"),
    ("max_experiment_duration", "soon", "max_experiment_duration = 'soon'", "'30m'"),
    ("max_experiment_duration", "5 weeks", "max_experiment_duration = '5 weeks'", "'2d'"),
    ("max_trial_duration", 0, "max_trial_duration = 0", "'90s'"),
    ("max_trial_duration", float("inf"), "max_trial_duration = inf", "'90s'"),
    ("optimize_mode", "best", "optimize_mode = 'best'", "'maximize' or 'minimize'"),
    ("training_service_platform", "remote", "training_service_platform = 'remote'", "'local'"),
    ("execution_engine", "cgo", "execution_engine = 'cgo'", "'base' or 'py'"),
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
    assert data["training_service"] == {"platform": "local", "gpu_indices": None, "use_active_gpu": None}
