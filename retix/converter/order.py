"""Members in the order in which the user's module defines them."""

from __future__ import annotations

import torch

from retix.ir import Model


def order_members(model: Model, root: torch.nn.Module) -> None:
    """Put the members of every graph into the order of definition.

    Lowering meets them in the order of use. Code reads better in the order in which it was written, and a generated
    model draws its first weights in the same order as the user's, so that the same seed gives the same weights.
    """
    for name, graph in model.graphs.items():
        if graph.region_of is None:
            module = root if name == model.root_name else root.get_submodule(name)
            members = sorted(graph.members.items(), key=lambda item: _position(module, item[0]))
            graph.members.clear()
            graph.members.update(members)


def _position(module: torch.nn.Module, path: str) -> tuple[int, ...]:
    """Where a part is defined, from the outside in: parameters, buffers, modules, and then what has no name there."""
    position: list[int] = []
    for name in path.split("."):
        names = [*module._parameters, *module._buffers, *module._modules]
        position.append(names.index(name) if name in names else len(names))
        following = module._modules.get(name)
        if following is None:
            break
        module = following
    return tuple(position)
