"""What a model costs, and what shapes flow in it: its generated code, run without data on torch's meta device."""

from retix.profile.shapes import infer_shapes
from retix.profile.summary import Row, Summary, summarize

__all__ = ["Row", "Summary", "infer_shapes", "summarize"]
