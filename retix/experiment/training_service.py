"""Where trials run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from retix.errors import ConfigError
from retix.experiment.settings import Ignored, Indices, Positive, Settings, only

_ELSEWHERE = ("remote", "openpai", "aml", "dlc", "kubeflow", "frameworkcontroller", "adl", "hybrid")
_RESERVED = "retix writes the command of a trial itself: leave it out"


def check_platform(value: Any) -> Any:
    """``value``, if trials can run there; None means ``local``.

    Raises:
        ConfigError: They cannot.
    """
    name = "local" if value is None else value
    if name not in ("local", "ray"):
        raise ConfigError(
            f"training_service_platform = {value!r}: trials run on this machine, or on a cluster of Ray's",
            why="NNI's other platforms are not built" if name in _ELSEWHERE else None,
            fix="use 'local', or 'ray' with RayService(address=...) as training_service",
        )
    return name


def _check_one(value: Any) -> Any:
    # NNI's scripts may write None for the default.
    return 1 if value is None else value


Platform = Annotated[Literal["local", "ray"], BeforeValidator(check_platform)]
PerGpu = Annotated[Positive, BeforeValidator(_check_one)]


class TrainingService(Settings):
    """Trials run in worker processes on this machine.

    Attributes:
        platform: ``local``.
        gpu_indices: The GPUs to use, counted among those that ``CUDA_VISIBLE_DEVICES`` leaves visible: ``[0, 1]``,
            ``'0,1'`` or ``0``.
        max_trial_number_per_gpu: How many trials may share a GPU.
        use_active_gpu: Kept for scripts written for NNI; retix assigns GPUs whether or not others use them.

    The others are NNI's: ``reuse_mode``, ``debug`` and ``trial_code_directory`` may be set and change nothing (whether
    workers are used again is said by ``isolation``, and they start where the script does), what else NNI has there may
    be set to its default.
    """

    platform: Annotated[Literal["local"], BeforeValidator(check_platform)] = "local"
    gpu_indices: Indices | None = None
    max_trial_number_per_gpu: PerGpu = 1
    use_active_gpu: bool | None = None
    reuse_mode: Ignored = False
    debug: Ignored = False
    trial_code_directory: Ignored = "."
    trial_command: Annotated[Any, only("_reserved", None, "", fix=_RESERVED), Field(exclude=True)] = None
    trial_gpu_number: Annotated[
        Any, only(None, fix="set trial_gpu_number on the RetiariiExeConfig itself"), Field(exclude=True)
    ] = None
    nni_manager_ip: Annotated[Any, only(None, fix="no server is started: leave it out"), Field(exclude=True)] = None


class RayService(Settings):
    """Trials run on a cluster of Ray's: ``RetiariiExeConfig('ray', training_service=RayService(address='auto'))``.

    Attributes:
        platform: ``ray``.
        address: Where the cluster is: ``'auto'``, ``'ray://head:10001'``, ``'head:6379'``; None uses the connection
            that this process has, or starts Ray on this machine.
        resources: What each trial takes beside its GPUs, by Ray's names: ``{'CPU': 2, 'special_hardware': 1}``.
        runtime_env: Ray's runtime environment, for modules that the nodes do not have:
            ``{'working_dir': '.', 'pip': [...]}``.
        max_trial_number_per_gpu: How many trials may share a GPU.
    """

    platform: Annotated[Literal["ray"], BeforeValidator(check_platform)] = "ray"
    address: str | None = None
    resources: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    runtime_env: dict[str, Any] | None = None
    max_trial_number_per_gpu: PerGpu = 1


AnyService = TrainingService | RayService
"""Where trials run."""


def read_service(value: Any) -> Any:
    """The service that a dict describes, by its ``platform``; anything else comes back as it is.

    Raises:
        ConfigError: There is no such platform, or a setting does not exist.
    """
    if not isinstance(value, Mapping):
        return value
    platform = check_platform(value.get("platform"))
    return RayService(**value) if platform == "ray" else TrainingService(**value)
