"""The doors that NNI's users type."""

from __future__ import annotations

import retix.evaluator
import retix.evaluator.pytorch as pytorch
import retix.evaluator.pytorch.lightning as pl


def test_the_public_lists() -> None:
    """Each door offers exactly these names, and all of them exist."""
    lightning = {"Classification", "ClassificationModule", "DataLoader", "Lightning", "LightningModule", "Regression"}
    lightning |= {"RegressionModule", "SupervisedLearningModule", "Trainer"}
    plain = {"Evaluator", "FunctionalEvaluator"}
    reports = {"Reporter", "report_final_result", "report_intermediate_result", "reporting"}
    pauses = {"Checkpoint", "TrialEnded", "checkpointing", "continue_from_checkpoint", "current_checkpoint"}
    assert set(retix.evaluator.__all__) == plain | reports | pauses | {"OpenEvaluator"}
    assert all(hasattr(retix.evaluator, name) for name in retix.evaluator.__all__)
    assert set(pytorch.__all__) == plain | lightning
    assert set(pl.__all__) == lightning | {"AccuracyWithLogits"}
    for door in (retix.evaluator, pytorch, pl):
        assert all(hasattr(door, name) for name in door.__all__)


def test_the_doors_lead_to_the_same_room() -> None:
    """A name means the same behind each door."""
    assert pytorch.FunctionalEvaluator is retix.evaluator.FunctionalEvaluator
    assert pytorch.Classification is pl.Classification
