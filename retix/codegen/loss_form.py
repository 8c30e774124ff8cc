"""Loss functions, whose operators know the reduction by number."""

from __future__ import annotations

from retix.codegen.expression import Expression, call
from retix.codegen.form import Arguments, Form, Keywords, Render, form

_REDUCTIONS = ("none", "mean", "sum")

# What follows the prediction and the target in the operator, with the defaults of the function.
_DEFAULTS: Keywords = {
    "weight": None,
    "pos_weight": None,
    "reduction": "mean",
    "ignore_index": -100,
    "label_smoothing": 0.0,
    "beta": 1.0,
    "delta": 1.0,
    "margin": 1.0,
}
_PARAMETERS = {
    "hinge_embedding_loss": "margin reduction",
    "mse_loss": "reduction",
    "l1_loss": "reduction",
    "smooth_l1_loss": "reduction beta",
    "huber_loss": "reduction delta",
    "soft_margin_loss": "reduction",
    "binary_cross_entropy": "weight reduction",
    "binary_cross_entropy_with_logits": "weight pos_weight reduction",
    "nll_loss": "weight reduction ignore_index",
    "nll_loss2d": "weight reduction ignore_index",
    "nll_loss_nd": "weight reduction ignore_index",
    "cross_entropy_loss": "weight reduction ignore_index label_smoothing",
}
_PUBLIC = {"nll_loss2d": "nll_loss", "nll_loss_nd": "nll_loss", "cross_entropy_loss": "cross_entropy"}


def _loss(name: str, parameters: list[str]) -> Form:
    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        named = {**dict(zip(parameters, args[2:], strict=False)), **kwargs}
        if "reduction" in named:
            if named["reduction"] not in range(len(_REDUCTIONS)):
                return None
            named["reduction"] = _REDUCTIONS[named["reduction"]]
        given = {key: render(value) for key, value in named.items() if value is not None and value != _DEFAULTS[key]}
        return call(f"F.{name}", map(render, args[:2]), given)

    return write


for _operator, _parameters in _PARAMETERS.items():
    form(f"aten::{_operator}")(_loss(_PUBLIC.get(_operator, _operator), _parameters.split()))
