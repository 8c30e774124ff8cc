"""The names that NNI's users import from ``nni.retiarii.execution.utils``."""

from retix.compat import get_mutation_dict, get_mutation_summary, mutation_dict_to_summary, unpack_if_only_one

__all__ = ["get_mutation_dict", "get_mutation_summary", "mutation_dict_to_summary", "unpack_if_only_one"]
