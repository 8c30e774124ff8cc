"""What a summary says, beside what torch's own counters say of the base model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

import retix.nn.pytorch as rnn
from retix.converter import convert
from retix.errors import ProfileError
from retix.ir import Model
from tests.ir.models import make_chain, make_model, make_open
from tests.profile.models import ConvNet, Recurrent, image, text

Make = Callable[[], nn.Module]
CASES = [pytest.param(ConvNet, image, id="ConvNet"), pytest.param(Recurrent, text, id="Recurrent")]


def count_base(module: nn.Module, *args: Any, **kwargs: Any) -> tuple[int, int]:
    """FLOPs, and bytes that autograd keeps, of one forward on the meta device, by torch's own counters."""
    module = copy.deepcopy(module).to("meta")
    state = {t.untyped_storage()._cdata for t in (*module.parameters(), *module.buffers())}
    kept: list[torch.UntypedStorage] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.untyped_storage())
        return tensor

    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        args, kwargs = pytree.tree_map_only(Tensor, lambda t: t.to("meta"), (args, kwargs))
        module(*args, **kwargs)
    sizes = {storage._cdata: storage.nbytes() for storage in kept}
    return counter.get_total_flops(), sum(size for key, size in sizes.items() if key not in state)


@pytest.mark.parametrize(("make", "inputs"), CASES)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch", [2, 5])
def test_equals_the_base_model(make: Make, inputs: Callable[[int], Tensor], training: bool, batch: int) -> None:
    """Parameters, FLOPs and activation memory are those that torch counts for the user's module, at any batch size."""
    module = make()
    summary = convert(module, inputs(2)).summary(batch_size=batch, training=training)
    assert (summary.flops, summary.activation_bytes) == count_base(module.train(training), inputs(batch))
    assert summary.n_parameters == sum(p.numel() for p in module.parameters())
    assert summary.n_trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_activations_by_hand() -> None:
    """A chain of two linear layers keeps what goes into each; a relu keeps its output, which is that of the second."""
    model = convert(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.randn(3, 4))
    summary = model.summary()
    assert summary.activation_bytes == 4 * (3 * 4 + 3 * 8)
    assert summary.flops == 2 * 3 * (4 * 8 + 8 * 2)


def test_rows() -> None:
    """Each module has a row with its class, its output and what it costs, all its calls together."""
    rows = {row.path: row for row in convert(ConvNet(), image()).summary().rows}
    assert list(rows) == ["", "stem", "stem.0", "stem.1", "stem.2", "mix", "head"]
    assert (rows[""].output_shapes, rows["stem.0"].output_shapes) == (((2, 5),), ((2, 8, 6, 6),))
    assert [rows[path].type for path in ("", "stem.0", "mix")] == ["ConvNet", "Conv2d", "Linear"]
    assert rows["stem.0"].flops == rows["stem"].flops == 2 * 2 * 6 * 6 * 8 * 3 * 9
    assert rows["mix"].flops == 2 * 2 * (2 * 36 * 8 * 8)
    assert [rows[path].n_parameters for path in ("stem", "mix", "head")] == [216 + 16, 72, 45]


def test_given_inputs() -> None:
    """Other shapes than those of the trace can be given; their values and device do not matter."""
    model = convert(ConvNet(), image())
    assert model.summary(torch.empty(7, 3, 12, 12, device="meta")).input_shapes == ((7, 3, 12, 12),)
    assert model.summary((image(7),)) == model.summary(batch_size=7)


def test_table() -> None:
    """The printed table names every module, and the totals."""
    text = str(convert(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), torch.randn(3, 4)).summary())
    assert text == (
        "module    class       output  parameters  FLOPs\n"
        "-----------------------------------------------\n"
        "(model)   Sequential  3x8             40    192\n"
        "  layer0  Linear      3x8             40    192\n"
        "  layer1  ReLU        3x8              0      0\n"
        "\n"
        "inputs       3x4\n"
        "parameters   40 (40 trainable)\n"
        "FLOPs        192\n"
        "activations  144 bytes kept for backward"
    )


def test_leaves_the_process_alone() -> None:
    """Nothing is drawn from torch's generator, and the model stays as it was."""
    model = convert(ConvNet(), image())
    text, state = str(model), torch.get_rng_state()
    model.summary()
    assert str(model) == text
    assert torch.equal(torch.get_rng_state(), state)


def choose_layer() -> Model:
    """A layer that is still open."""
    return convert(nn.Sequential(rnn.LayerChoice([rnn.Linear(4, 4), rnn.Identity()], label="layer")), torch.randn(2, 4))


def choose_width() -> Model:
    """An argument that is still open."""
    graph = make_chain()
    graph.set_result(
        graph.add_module("fc", "torch.nn.Linear", graph.inputs, {"out_features": make_open("width", 1, 2)}).output
    )
    return make_model(graph)


@pytest.mark.parametrize(("make", "label"), [(choose_layer, "layer"), (choose_width, "width")])
def test_open_choices_are_refused(make: Callable[[], Model], label: str) -> None:
    """There is no one model to measure while a choice is open; the error names it."""
    with pytest.raises(ProfileError, match=f"the choice '{label}' is still open") as caught:
        make().summary()
    assert "choose first" in str(caught.value.fix)


def test_unknown_shapes_are_refused() -> None:
    """A scripted model was never run, so its inputs have to be given."""
    model = convert(nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(ProfileError, match="the shape of the input") as caught:
        model.summary()
    assert "example inputs" in str(caught.value.fix)
    assert model.summary(torch.randn(2, 4)).flops == 2 * 2 * 4 * 4


def test_what_does_not_fit_is_refused() -> None:
    """Inputs that the model cannot take are an error that carries torch's own."""
    model = convert(nn.Sequential(nn.Linear(4, 4)), torch.randn(2, 4))
    with pytest.raises(ProfileError, match="Sequential cannot be run without data: RuntimeError"):
        model.summary(torch.randn(2, 5))
