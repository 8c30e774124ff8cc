"""What a model costs: parameters, floating-point operations, and what autograd keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from retix.ir import Model
from retix.profile.meta import build_on_meta, make_inputs, run_on_meta

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What one module costs, with all that is inside of it.

    Attributes:
        path: Its path in the generated model; empty for the model itself.
        type: The name of its class.
        output_shapes: The shapes of the tensors that its last call returned; empty if it was not called.
        n_parameters: How many numbers its parameters hold; one that is used twice counts once.
        flops: Floating-point operations of all its calls.
    """

    path: str
    type: str
    output_shapes: tuple[Shape, ...]
    n_parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What one forward of a model costs; `str` gives a table.

    Attributes:
        n_parameters: How many numbers the parameters hold; a tied one counts once.
        n_trainable: How many of them are trained.
        flops: Floating-point operations of one forward as `torch.utils.flop_counter` counts them: convolutions,
            matrix products and attention; a multiplication and an addition are two.
        activation_bytes: What autograd keeps for backward, inputs included: each memory once, without parameters and
            buffers.
        input_shapes: The shapes of the inputs that it was measured with.
        rows: Each module, the model first, in the order of definition.
    """

    n_parameters: int
    n_trainable: int
    flops: int
    activation_bytes: int
    input_shapes: tuple[Shape, ...]
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        header = ("module", "class", "output", "parameters", "FLOPs")
        lines = [header, *(_format_row(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [_align(line, widths) for line in lines]
        table.insert(1, "-" * len(table[0]))
        inputs = ", ".join(map(_format_shape, self.input_shapes))
        return "\n".join(
            [
                *(line.rstrip() for line in table),
                "",
                f"inputs       {inputs}",
                f"parameters   {self.n_parameters:,} ({self.n_trainable:,} trainable)",
                f"FLOPs        {self.flops:,}",
                f"activations  {self.activation_bytes:,} bytes kept for backward",
            ]
        )


def _format_row(row: Row) -> tuple[str, ...]:
    depth = row.path.count(".") + bool(row.path)
    shapes = ", ".join(map(_format_shape, row.output_shapes))
    return "  " * depth + (row.path or "(model)"), row.type, shapes, f"{row.n_parameters:,}", f"{row.flops:,}"


def _format_shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _align(line: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        text.ljust(width) if i < 3 else text.rjust(width)
        for i, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells)


def summarize(
    model: Model, example_inputs: Any = None, *, batch_size: int | None = None, training: bool = True
) -> Summary:
    """Measure one forward of the generated model, on torch's meta device: nothing is computed, and no data is needed.

    Args:
        model: All its choices are made.
        example_inputs: A tensor, or a tuple or list of positional inputs, of which only shapes and dtypes count; the
            shapes seen when the model was traced by default.
        batch_size: Another first size for the inputs that share that of the first; None keeps it.
        training: Whether to measure in training mode.

    Raises:
        ProfileError: A choice is open, the shape of an input is not known, or forward depends on data.
        GenerationError: The model has no Python form.
    """
    module = build_on_meta(model).train(training)
    inputs = make_inputs(model, example_inputs, batch_size)
    shapes = _watch_shapes(module)
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no address is given to another

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with (
        torch.enable_grad(),
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        run_on_meta(module, inputs)
    state = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
    parameters = list(module.parameters())
    return Summary(
        n_parameters=sum(p.numel() for p in parameters),
        n_trainable=sum(p.numel() for p in parameters if p.requires_grad),
        flops=counter.get_total_flops(),
        activation_bytes=sum(storage.nbytes() for key, storage in kept.items() if key not in state),
        input_shapes=_find_shapes(inputs),
        rows=tuple(_list_rows(module, shapes, counter)),
    )


def _watch_shapes(module: torch.nn.Module) -> dict[torch.nn.Module, tuple[Shape, ...]]:
    shapes: dict[torch.nn.Module, tuple[Shape, ...]] = {}

    def watch(part: torch.nn.Module, inputs: Any, output: Any) -> None:
        shapes[part] = _find_shapes(output)

    for part in module.modules():
        part.register_forward_hook(watch)
    return shapes


def _find_shapes(tree: Any) -> tuple[Shape, ...]:
    return tuple(tuple(item.shape) for item in pytree.tree_leaves(tree) if isinstance(item, torch.Tensor))


def _list_rows(
    module: torch.nn.Module, shapes: dict[torch.nn.Module, tuple[Shape, ...]], counter: FlopCounterMode
) -> list[Row]:
    counts = {name: sum(of.values()) for name, of in counter.get_flop_counts().items()}
    top = type(module).__name__
    return [
        Row(
            path,
            type(part).__name__,
            shapes.get(part, ()),
            sum(p.numel() for p in part.parameters()),
            counts.get(f"{top}.{path}" if path else "Global", 0),
        )
        for path, part in module.named_modules()
    ]
