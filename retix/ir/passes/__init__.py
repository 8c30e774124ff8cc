"""Passes: edits of a whole model after which it computes the same."""

from retix.ir.passes.fold import fold_constants
from retix.ir.passes.merge import merge_equal
from retix.ir.passes.run import PassReport, run_passes, simplify

__all__ = ["PassReport", "fold_constants", "merge_equal", "run_passes", "simplify"]
