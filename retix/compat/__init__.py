"""What only scripts written for NNI need; the modules at NNI's paths lead here."""

from retix.compat.context import ContextStack, ModelNamespace, get_current_context, reset_uid, uid
from retix.compat.conversion import (
    GraphConverter,
    GraphConverterWithShape,
    convert_to_graph,
    model_to_pytorch_script,
)
from retix.compat.debug import DebugEvaluator, _LocalDebugStrategy
from retix.compat.history import (
    get_mutation_dict,
    get_mutation_summary,
    mutation_dict_to_summary,
    unpack_if_only_one,
)
from retix.compat.inline import (
    extract_mutation_from_pt_module,
    preprocess_model,
    process_evaluator_mutations,
    process_inline_mutation,
)
from retix.compat.naming import get_importable_name, get_module_name, import_
from retix.compat.state import STATE_DICT_PY_MAPPING, STATE_DICT_PY_MAPPING_PARTIAL, original_state_dict_hooks
from retix.compat.strategy_tools import (
    ChooseFirstSampler,
    dry_run_for_formatted_search_space,
    dry_run_for_search_space,
    filter_model,
    get_targeted_model,
)

__all__ = [
    "STATE_DICT_PY_MAPPING",
    "STATE_DICT_PY_MAPPING_PARTIAL",
    "ChooseFirstSampler",
    "ContextStack",
    "DebugEvaluator",
    "GraphConverter",
    "GraphConverterWithShape",
    "ModelNamespace",
    "_LocalDebugStrategy",
    "convert_to_graph",
    "dry_run_for_formatted_search_space",
    "dry_run_for_search_space",
    "extract_mutation_from_pt_module",
    "filter_model",
    "get_current_context",
    "get_importable_name",
    "get_module_name",
    "get_mutation_dict",
    "get_mutation_summary",
    "get_targeted_model",
    "import_",
    "model_to_pytorch_script",
    "mutation_dict_to_summary",
    "original_state_dict_hooks",
    "preprocess_model",
    "process_evaluator_mutations",
    "process_inline_mutation",
    "reset_uid",
    "uid",
    "unpack_if_only_one",
]
