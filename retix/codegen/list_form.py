"""Torch's operators of which people write lists and pairs in other ways, and those that they write as attributes."""

from __future__ import annotations

from retix.codegen.expression import CALL, Expression, call
from retix.codegen.form import Arguments, Form, Keywords, Render, as_attribute, collapse, form
from retix.ir import Value


def _spread(name: str) -> Form:
    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        if kwargs or len(args) != 1:
            return None
        tensors = args[0]
        items = map(render, tensors) if isinstance(tensors, list) else [f"*{render(tensors).within(CALL)}"]
        return call(f"torch.{name}", items)

    return write


for _name in ("block_diag", "broadcast_tensors", "cartesian_prod"):
    form(f"aten::{_name}")(_spread(_name))


@form("aten::tensordot")
def _tensordot(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    if kwargs or len(args) != 4:
        return None
    left, right, *dims = args
    return call("torch.tensordot", [render(left), render(right)], {"dims": render(tuple(dims))})


def _pad(mode: str) -> Form:
    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
        if kwargs or not isinstance(args[1], list):
            return None
        return call("F.pad", [render(args[0]), render(tuple(args[1]))], {"mode": render(mode)})

    return write


for _rank in (1, 2, 3):
    form(f"aten::reflection_pad{_rank}d")(_pad("reflect"))
    form(f"aten::replication_pad{_rank}d")(_pad("replicate"))


def _adaptive_max_pool(rank: int, with_indices: bool) -> Form:
    """One operator gives both results; the function gives the places only where it is asked to."""

    def write(render: Render, args: Arguments, kwargs: Keywords) -> Expression:
        size = collapse(args[1]) if not isinstance(args[1], Value) else args[1]
        plain = [render(args[0]), render(tuple(size) if isinstance(size, list) else size)]
        return call(f"F.adaptive_max_pool{rank}d", plain, {"return_indices": "True"} if with_indices else {})

    return write


for _rank in (1, 2, 3):
    form(f"aten::adaptive_max_pool{_rank}d")(_adaptive_max_pool(_rank, with_indices=True))
    form(f"retix::adaptive_max_pool{_rank}d")(_adaptive_max_pool(_rank, with_indices=False))


for _operator, _name in {"numpy_T": "T", "mT": "mT", "mH": "mH", "matrix_H": "H"}.items():
    form(f"aten::{_operator}")(as_attribute(_name))
