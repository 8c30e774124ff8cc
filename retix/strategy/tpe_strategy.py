"""Tree-structured Parzen estimation, at the path that NNI's users type."""

from retix.door import open_door

__getattr__ = open_door(__name__, TPE="retix.strategy.optuna", TPEStrategy="retix.strategy.renamed")
