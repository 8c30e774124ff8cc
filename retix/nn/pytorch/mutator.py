"""The names that NNI's users import from ``nni.retiarii.nn.pytorch.mutator``."""

from retix.compat import extract_mutation_from_pt_module, process_evaluator_mutations, process_inline_mutation

__all__ = ["extract_mutation_from_pt_module", "process_evaluator_mutations", "process_inline_mutation"]
