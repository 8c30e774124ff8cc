"""Spaces and samples as files, and what another process makes of them; run with the folder as its argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import torch

from retix import ModelSpace
from retix.codegen import Source
from retix.model_space.loading import build_from_source
from retix.space import Sample
from tests.spaces.describe import describe_all
from tests.spaces.layers import INPUTS


def write(folder: Path, name: str, space: ModelSpace, net: torch.nn.Module, samples: list[Sample]) -> None:
    """Write a space, its samples, the weights of its base model, and what this process makes of them.

    The weights are written under a name of their own, so that nothing but JSON and they reach the other process.
    """
    (folder / f"{name}.space.json").write_text(json.dumps(space.to_json()))
    (folder / f"{name}.samples.json").write_text(json.dumps([sample.to_json() for sample in samples]))
    torch.save(net.state_dict(), folder / f"{name}.weights.pt")
    (folder / f"{name}.space.pkl").write_bytes(cloudpickle.dumps(space))
    torch.save(read(folder, name, space), folder / f"{name}.expected.pt")


def read(folder: Path, name: str, space: ModelSpace | None = None) -> list[tuple[Any, ...]]:
    """The source, and the output under the base model's weights, of every sample in the folder."""
    if space is None:
        space = ModelSpace.from_json(json.loads((folder / f"{name}.space.json").read_text()))
    weights = torch.load(folder / f"{name}.weights.pt")
    results = []
    for data in json.loads((folder / f"{name}.samples.json").read_text()):
        source = space.source(data)
        results.append((space.digest(data), source.text, dict(source.state_names), _run(source, weights)))
    return results


def _run(source: Source, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """What a model computes with known weights, and with ever the same numbers where a choice changed a shape."""
    model = build_from_source(source).eval()
    state = model.state_dict()
    for here, value in state.items():
        known = weights[source.state_names.get(here, here)]
        same_shape = known.shape == value.shape
        state[here] = known if same_shape else torch.linspace(-1, 1, value.numel()).reshape(value.shape)
    model.load_state_dict(state)
    with torch.no_grad():
        found: torch.Tensor = model(INPUTS)
    return found


def find_names(folder: Path) -> list[str]:
    """The spaces in the folder."""
    return sorted(path.name.removesuffix(".space.json") for path in folder.glob("*.space.json"))


def main() -> None:
    """Read every space in the folder, and describe random ones."""
    folder = Path(sys.argv[1])
    (folder / "described.json").write_text(json.dumps(describe_all()))
    for name in find_names(folder):
        torch.save(read(folder, name), folder / f"{name}.found.pt")
        space = cloudpickle.loads((folder / f"{name}.space.pkl").read_bytes())
        torch.save(read(folder, name, space), folder / f"{name}.sent.pt")


if __name__ == "__main__":
    main()
