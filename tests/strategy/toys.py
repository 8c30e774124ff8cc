"""The small spaces and the driver of `retix.testing`, under a short name."""

from retix.testing import PickySpace, StackSpace, ask_all, make_conditional_space, make_flat_space, make_trial, search

__all__ = [
    "PickySpace",
    "StackSpace",
    "ask_all",
    "make_conditional_space",
    "make_flat_space",
    "make_trial",
    "search",
]
