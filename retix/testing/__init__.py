"""Contract tests for what users write themselves: strategies and rules of early stopping; they run under pytest."""

from retix.errors import ConfigError

try:
    import pytest
except ImportError as error:
    raise ConfigError(
        "retix.testing cannot be imported: pytest is not installed",
        why="its contracts are tests, which pytest runs; retix itself does not need it",
        fix="pip install pytest",
    ) from error

# Before the tests are imported: so a failed assertion says which values it compared.
pytest.register_assert_rewrite("retix.testing.strategy_contract", "retix.testing.stopping_contract")

from retix.testing.driving import ask_all, make_trial, search  # noqa: E402  # see above
from retix.testing.spaces import (  # noqa: E402
    SPACES,
    PickySpace,
    StackSpace,
    make_conditional_space,
    make_flat_space,
)
from retix.testing.stopping_contract import EarlyStoppingContract  # noqa: E402
from retix.testing.strategy_contract import StrategyContract  # noqa: E402

__all__ = [
    "SPACES",
    "EarlyStoppingContract",
    "PickySpace",
    "StackSpace",
    "StrategyContract",
    "ask_all",
    "make_conditional_space",
    "make_flat_space",
    "make_trial",
    "search",
]
