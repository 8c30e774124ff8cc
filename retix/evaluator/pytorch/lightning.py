"""The Lightning evaluators, under the path that NNI's users import as ``pl``."""

from retix.evaluator.accuracy import AccuracyWithLogits
from retix.evaluator.lightning import Classification, Lightning, Regression
from retix.evaluator.loader import DataLoader
from retix.evaluator.module import ClassificationModule, LightningModule, RegressionModule, SupervisedLearningModule
from retix.evaluator.trainer import Trainer

__all__ = [
    "AccuracyWithLogits",
    "Classification",
    "ClassificationModule",
    "DataLoader",
    "Lightning",
    "LightningModule",
    "Regression",
    "RegressionModule",
    "SupervisedLearningModule",
    "Trainer",
]
