"""Doors: modules at paths that NNI's users type, which lead to names that live elsewhere, or say why there is none.

NNI's scripts import from some forty modules. What they ask for may live on floors above the packages that those paths
name, so a door looks a name up when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from retix.errors import UnavailableError

_ONE_SHOT = (
    "one-shot search is not built yet",
    "search the same space by trials: strategy=retix.strategy.RegularizedEvolution(), or Random()",
)
_HUB = (
    "the hub of ready-made spaces is not built yet",
    "write the space with retix.nn.pytorch: LayerChoice, InputChoice, Repeat and Cell are there",
)
_ENGINE = (
    "there is no process-wide execution engine: each experiment has its own",
    "give settings to RetiariiExeConfig, and models to a RetiariiExperiment",
)
_TRIAL = (
    "trials are no scripts that call a server: workers get the generated source of their model",
    "run trials by RetiariiExperiment.run, and one model by RetiariiExperiment.local_debug_run",
)
_TRAINER_2_0 = (
    "it belongs to NNI 2.0, whose trainers were named by strings",
    "use an evaluator: retix.evaluator.pytorch.Classification(...) or FunctionalEvaluator(function)",
)
_CROSS_GRAPH = (
    "NNI's cross-graph optimisation is not built yet",
    "train several models at a time by RetiariiExeConfig(trial_concurrency=...)",
)

UNAVAILABLE: dict[str, tuple[str, str]] = {
    **{f"retix.strategy.{name}": _ONE_SHOT for name in ("DARTS", "ENAS", "GumbelDARTS", "Proxyless", "RandomOneShot")},
    **{f"retix.strategy.oneshot.{name}": _ONE_SHOT for name in ("DARTS", "ENAS", "GumbelDARTS", "Proxyless")},
    "retix.strategy.oneshot.RandomOneShot": _ONE_SHOT,
    **{
        f"retix.oneshot.pytorch.{name}": _ONE_SHOT
        for name in (
            *("DartsLightningModule", "EnasLightningModule", "GumbelDartsLightningModule", "ProxylessLightningModule"),
            *("RandomSamplingLightningModule", "DartsTrainer", "EnasTrainer", "ProxylessTrainer", "RandomTrainer"),
            "SinglePathTrainer",
        )
    },
    **{
        f"retix.hub.pytorch.{name}": _HUB
        for name in (
            *("AmoebaNet", "AutoformerSpace", "DARTS", "ENAS", "MobileNetV3Space", "NASNet", "NDS", "NasBench101"),
            *("NasBench201", "PNAS", "ProxylessNAS", "ShuffleNetSpace"),
        )
    },
    **{
        f"{home}{name}": _ENGINE
        for home in ("retix.", "retix.execution.", "retix.execution.api.")
        for name in (
            *("get_execution_engine", "set_execution_engine", "init_execution_engine"),
            "get_and_register_default_listener",
        )
    },
    "retix.execution.base.BaseExecutionEngine": _ENGINE,
    "retix.execution.base.BaseGraphData": _TRIAL,
    "retix.execution.python.PurePythonExecutionEngine": _ENGINE,
    "retix.execution.python.PythonGraphData": _TRIAL,
    "retix.execution.cgo_engine.CGOExecutionEngine": _CROSS_GRAPH,
    "retix.execution.interface.AbstractExecutionEngine": _ENGINE,
    **{
        f"retix.integration_api.{name}": _TRIAL
        for name in ("get_advisor", "register_advisor", "send_trial", "receive_trial_parameters", "get_experiment_id")
    },
    **{f"retix.{name}": _TRAINER_2_0 for name in ("register_trainer", "blackbox_module")},
    "retix.utils.register_trainer": _TRAINER_2_0,
    "retix.utils.blackbox_module": (
        "it belongs to NNI 2.0",
        "decorate the class by @retix.basic_unit, which does what blackbox_module did",
    ),
    "retix.blackbox_module": (
        "it belongs to NNI 2.0",
        "decorate the class by @retix.basic_unit, which does what blackbox_module did",
    ),
    **{
        f"retix.nn.pytorch.{name}NasBench101Mutator": (
            "the rules of the space are constraints of the model, which every strategy keeps",
            "nothing is needed in its place: nn.NasBench101Cell brings its constraints along",
        )
        for name in ("", "component.")
    },
    "retix.nn.pytorch.generate_stub_file": (
        "it made a list of torch's layers for NNI",
        "nothing is needed in its place: retix.nn.pytorch has all layers of the torch that is installed",
    ),
}
"""NNI's names that retix does not have, each with why and what to do instead."""


def open_door(module: str, **homes: str) -> Callable[[str], Any]:
    """A ``__getattr__`` for the module of that name.

    Args:
        module: Its name.
        **homes: Where the names live that it gives, each a module.

    Returns:
        A function that finds a name in its home, refuses a name of NNI's that retix lacks by an `UnavailableError`, and
        does not know any other.
    """

    def find(name: str) -> Any:
        if name in homes:
            return getattr(import_module(homes[name]), name)
        if f"{module}.{name}" in UNAVAILABLE:
            raise refusal(f"{module}.{name}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find


def refusal(path: str) -> UnavailableError:
    """The error for a name in `UNAVAILABLE`."""
    why, fix = UNAVAILABLE[path]
    return UnavailableError(f"there is no {path}", why=why, fix=fix)
