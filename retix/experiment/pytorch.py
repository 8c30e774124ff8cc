"""The names that NNI's users import from ``nni.retiarii.experiment.pytorch``."""

from retix.door import open_door
from retix.experiment import RetiariiExeConfig, RetiariiExperiment, debug_mutated_model

__all__ = ["RetiariiExeConfig", "RetiariiExperiment", "debug_mutated_model"]

__getattr__ = open_door(__name__, preprocess_model="retix.compat")
