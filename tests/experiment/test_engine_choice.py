"""The engine that a config asks for."""

from __future__ import annotations

import pytest

from retix.errors import ConfigError
from retix.execution import LocalEngine
from retix.experiment import RetiariiExeConfig, TrainingService
from retix.experiment.engines import make_engine


def test_an_engine_of_this_machine() -> None:
    """It has as many slots as the config says."""
    with make_engine(RetiariiExeConfig("local", trial_concurrency=3, isolation="fresh", frozen_after="2m")) as engine:
        assert isinstance(engine, LocalEngine)
        assert engine.capacity == engine.free == 3


@pytest.mark.parametrize(
    "config",
    [
        RetiariiExeConfig(trial_gpu_number=64),
        RetiariiExeConfig(trial_gpu_number=0.5, training_service=TrainingService(max_trial_number_per_gpu=3)),
    ],
    ids=["too-few", "two-shares"],
)
def test_gpus_that_cannot_be_given(config: RetiariiExeConfig) -> None:
    """Too many GPUs, and shares that contradict each other, are refused before anything begins."""
    with pytest.raises(ConfigError, match=r"GPU|gpu"):
        make_engine(config)
