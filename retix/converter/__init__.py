"""From users' modules to the IR: tracing and scripting, and one lowering for both."""

from retix.converter.convert import convert

__all__ = ["convert"]
