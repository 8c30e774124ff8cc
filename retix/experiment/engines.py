"""The engine that a config asks for."""

from __future__ import annotations

from retix.execution import Engine, LocalEngine, RayEngine
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.training_service import RayService


def make_engine(config: RetiariiExeConfig) -> Engine:
    """An engine with as many slots as the config says; it starts nothing before it is given a job.

    Raises:
        ConfigError: There are too few GPUs.
        ExecutionError: The cluster cannot be reached.
        UnavailableError: Ray is asked for and is not installed.
    """
    service = config.training_service
    if isinstance(service, RayService):
        return RayEngine(
            config.trial_concurrency,
            address=service.address,
            resources=service.resources,
            runtime_env=service.runtime_env,
            gpus_per_trial=config.trial_gpu_number or 0,
            trials_per_gpu=service.max_trial_number_per_gpu,
            threads=config.trial_threads,
            isolation=config.isolation,
            recycle_after=config.recycle_after,
            frozen_after=config.frozen_after,
        )
    return LocalEngine(
        config.trial_concurrency,
        gpus_per_trial=config.trial_gpu_number or 0,
        trials_per_gpu=service.max_trial_number_per_gpu,
        gpu_indices=service.gpu_indices,
        threads=config.trial_threads,
        isolation=config.isolation,
        recycle_after=config.recycle_after,
        frozen_after=config.frozen_after,
    )
