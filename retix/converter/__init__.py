"""From users' modules to the IR: tracing and scripting, and one lowering for both."""

from retix.converter.convert import convert
from retix.door import open_door

__all__ = ["convert"]

__getattr__ = open_door(__name__, convert_to_graph="retix.compat")
