"""Rules of early stopping: which trials are worth going on with; no torch."""

from retix.stopping.asha import ASHA
from retix.stopping.early_stopping import EarlyStopping, read_rule
from retix.stopping.hyperband import Hyperband
from retix.stopping.median_stopping import MedianStopping
from retix.stopping.patience import Patience

__all__ = ["ASHA", "EarlyStopping", "Hyperband", "MedianStopping", "Patience", "read_rule"]
