"""Trained weights: on disk, in stores that trials share, and from parent to child."""

from retix.weights.inheritance import InheritanceReport
from retix.weights.inheritance import apply as apply_inheritance
from retix.weights.storage import load_weights, save_weights
from retix.weights.store import WeightStore
from retix.weights.trial_weights import TrialWeights, current, using

__all__ = [
    "InheritanceReport",
    "TrialWeights",
    "WeightStore",
    "apply_inheritance",
    "current",
    "load_weights",
    "save_weights",
    "using",
]
