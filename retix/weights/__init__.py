"""Trained weights on disk."""

from retix.weights.storage import load_weights, save_weights

__all__ = ["load_weights", "save_weights"]
