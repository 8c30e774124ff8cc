"""The names that NNI's users import from ``nni.retiarii.strategy.utils``."""

from retix.compat import dry_run_for_formatted_search_space, dry_run_for_search_space, filter_model, get_targeted_model

__all__ = ["dry_run_for_formatted_search_space", "dry_run_for_search_space", "filter_model", "get_targeted_model"]
