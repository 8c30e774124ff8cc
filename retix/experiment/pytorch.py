"""The names that NNI's users import from ``nni.retiarii.experiment.pytorch``."""

from retix.experiment import RetiariiExeConfig, RetiariiExperiment

__all__ = ["RetiariiExeConfig", "RetiariiExperiment"]
