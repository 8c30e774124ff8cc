"""The evaluators for PyTorch, under the path that NNI's users type."""

from retix.evaluator.evaluator import Evaluator
from retix.evaluator.functional import FunctionalEvaluator
from retix.evaluator.lightning import Classification, Lightning, Regression
from retix.evaluator.loader import DataLoader
from retix.evaluator.module import ClassificationModule, LightningModule, RegressionModule, SupervisedLearningModule
from retix.evaluator.trainer import Trainer

__all__ = [
    "Classification",
    "ClassificationModule",
    "DataLoader",
    "Evaluator",
    "FunctionalEvaluator",
    "Lightning",
    "LightningModule",
    "Regression",
    "RegressionModule",
    "SupervisedLearningModule",
    "Trainer",
]
