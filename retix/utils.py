"""The names that NNI's users import from ``nni.retiarii.utils``."""

from retix.compat import (
    STATE_DICT_PY_MAPPING,
    STATE_DICT_PY_MAPPING_PARTIAL,
    ContextStack,
    ModelNamespace,
    get_current_context,
    get_importable_name,
    get_module_name,
    import_,
    original_state_dict_hooks,
    reset_uid,
    uid,
)
from retix.door import open_door
from retix.errors import NoContextError

__all__ = [
    "STATE_DICT_PY_MAPPING",
    "STATE_DICT_PY_MAPPING_PARTIAL",
    "ContextStack",
    "ModelNamespace",
    "NoContextError",
    "get_current_context",
    "get_importable_name",
    "get_module_name",
    "import_",
    "original_state_dict_hooks",
    "reset_uid",
    "uid",
]

__getattr__ = open_door(__name__)
