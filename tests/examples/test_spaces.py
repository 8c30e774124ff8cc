"""The spaces in ``examples/spaces``: samples train, both builds agree, and known networks have their size."""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from retix import ModelSpace
from retix.model_space.loading import build_from_source
from tests.converter.spaces import assert_builds_agree

FOLDER = Path(__file__).parent.parent.parent / "examples" / "spaces"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
WIDTHS = (4, 8, 8, 8, 8, 8, 8)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks wait for threads more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def examples() -> Iterator[Mapping[str, ModuleType]]:
    """The examples by name, imported as the scripts that they are."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)


def make_small(examples: Mapping[str, ModuleType], name: str) -> torch.nn.Module:
    """The model of an example with all its decisions for each of its cells, but few channels and few cells."""
    module = examples[name]
    models: dict[str, Any] = {
        "darts": lambda: module.DARTS(channels=4, num_cells=3),
        "mnasnet_inline": lambda: module.MnasNet(WIDTHS, stem=4, head=8, num_classes=10),
        "mnasnet_mutators": lambda: module.MnasNet(WIDTHS, stem=4, head=8, num_classes=10),
        "mobilenetv3": lambda: module.MobileNetV3(scale=0.5, depth=2, num_classes=10),
        "nasbench101": lambda: module.NasBench101(features=8, num_stacks=2, cells_per_stack=1),
        "nasbench201": lambda: module.NasBench201(channels=4, cells_per_stage=1),
        "transformer": lambda: module.VisionTransformer(16, 8, widths=(8, 12), depth=(1, 3), num_classes=10),
    }
    made: torch.nn.Module = models[name]()
    return made


def open_small(examples: Mapping[str, ModuleType], name: str) -> ModelSpace:
    """The space of such a model, with the mutators of the example."""
    mutators = getattr(examples[name], "MUTATORS", ())
    return ModelSpace(make_small(examples, name), mutators, example_inputs=IMAGES, engine="graph")


def count(module: torch.nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_samples_train(examples: Mapping[str, ModuleType], name: str) -> None:
    """200 samples of each space are built by graph, written, run, and get gradients for what they use."""
    space = open_small(examples, name)
    draw = random.Random(1)
    seen = set()
    for _ in range(200):
        sample = space.random(draw)
        source = space.source(sample)
        assert not any(line.startswith(("import retix", "from retix")) for line in source.text.splitlines())
        model = build_from_source(source)
        result = model(IMAGES)
        assert result.shape == (2, 10)
        result.square().sum().backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients)
        seen.add(sample)
    assert len(seen) > 120


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mnasnet_mutators"])
def test_builds_agree(examples: Mapping[str, ModuleType], name: str) -> None:
    """By graph and by Python, the same sample computes exactly the same."""
    torch.manual_seed(0)
    assert_builds_agree(make_small(examples, name), IMAGES, 3)


def test_mutators_and_choices_say_the_same(examples: Mapping[str, ModuleType]) -> None:
    """Samples of MnasNet by choices are samples of MnasNet by mutators, and give networks that compute the same."""
    inline, mutated = (open_small(examples, name) for name in ("mnasnet_inline", "mnasnet_mutators"))
    assert inline.size == 126**7
    assert mutated.size is None
    for seed in range(20):
        sample = inline.random(seed)
        assert sorted(mutated.walk(lambda decision, known=sample: known[decision.label]).items()) == sorted(
            sample.items()
        )
        one, other = inline.instantiate(sample), mutated.instantiate(sample)
        values = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        for mine, theirs in values:
            theirs.copy_(mine)
        assert torch.equal(one.eval()(IMAGES), other.eval()(IMAGES))


def test_sizes(examples: Mapping[str, ModuleType]) -> None:
    """Spaces whose size is published have it: NAS-Bench-201, and a cell of DARTS but for the eighth operation."""
    assert open_small(examples, "nasbench201").size == 15_625
    pairs = 1 * 3 * 6 * 10  # two different inputs of each node
    assert open_small(examples, "darts").size == (pairs * 8**8) ** 2


PARAMETERS = {
    "darts": 3_349_342,
    "mnasnet_inline": 4_383_312,
    "mnasnet_mutators": 4_383_312,
    "mobilenetv3": 5_483_032,
    "nasbench101": 2_694_282,
    "nasbench201": 1_073_466,
    "transformer": 5_717_416,
}
"""Of a well-known member of each space in full size.

MnasNet, MobileNetV3 and DeiT-Ti: as in torchvision and timm. NAS-Bench-101: as the benchmark's table has it. DARTS and
NAS-Bench-201: counted by hand; published are the rounded 3.3 and 1.07 million.
"""


@pytest.mark.parametrize("name", NAMES)
def test_scripts(name: str) -> None:
    """Each example runs as a script, and prints its space, a source, and the parameters of a known network."""
    done = subprocess.run([sys.executable, FOLDER / f"{name}.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ModelSpace of ")
    assert "engine: graph\n" in done.stdout
    assert "(nn.Module):\n" in done.stdout
    assert "__main__" not in done.stdout
    assert done.stdout.endswith(f": {PARAMETERS[name]:,} parameters\n")


@pytest.mark.parametrize(
    ("name", "make", "sample"),
    [
        ("mnasnet_inline", "MnasNet", "B1"),
        ("mnasnet_mutators", "MnasNet", "B1"),
        ("nasbench201", "NasBench201", "BEST"),
        ("transformer", "VisionTransformer", "DEIT_TINY"),
    ],
)
def test_known_networks(examples: Mapping[str, ModuleType], name: str, make: str, sample: str) -> None:
    """In full size, the generated source and the Python build have as many parameters, too."""
    module = examples[name]
    inputs = torch.zeros(1, 3, 224, 224) if name == "transformer" else IMAGES
    space = ModelSpace(getattr(module, make)(), getattr(module, "MUTATORS", ()), example_inputs=inputs, engine="graph")
    known = getattr(module, sample)
    assert count(space.instantiate(known)) == PARAMETERS[name]
    assert count(space.python(known)) == PARAMETERS[name]
    space.build(known).verify()
