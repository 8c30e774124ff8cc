"""Any operator as an expression: the nice form where there is one, else the public function, else ``torch.ops``."""

from __future__ import annotations

from retix.codegen import call_form, list_form, loss_form, python_form, torch_form  # noqa: F401  # they fill the table
from retix.codegen.expression import Expression, call
from retix.codegen.form import FORMS, Arguments, Keywords, Render
from retix.codegen.public_form import write_public


def write_operator(name: str, render: Render, args: Arguments, kwargs: Keywords) -> Expression:
    """The expression that applies the operator ``name``."""
    known = FORMS.get(name)
    written = known(render, args, kwargs) if known is not None else None
    if written is not None:
        return written
    namespace, _, operator = name.partition("::")
    written = write_public(operator, render, args, kwargs) if namespace == "aten" else None
    if written is not None:
        return written
    named = {key: render(item) for key, item in kwargs.items()}
    return call(f"torch.ops.{namespace}.{operator}", map(render, args), named)
