"""From users' modules to the IR: tracing and scripting, and one lowering for both."""

from retix.converter.convert import convert
from retix.converter.user_source import add_sources
from retix.door import open_door

__all__ = ["add_sources", "convert"]

__getattr__ = open_door(__name__, convert_to_graph="retix.compat")
