"""What is to be said of a random space, for comparison between processes."""

from __future__ import annotations

import hashlib
import json

from retix import ModelSpace
from tests.spaces.layers import INPUTS
from tests.spaces.random_nets import Plan, make_plans

COUNT = 10


def describe_all() -> list[dict[str, object]]:
    """What there is to say of some random spaces."""
    return [_describe(plan) for plan in make_plans(COUNT)]


def _describe(plan: Plan) -> dict[str, object]:
    """The labels, size, samples, digests and sources of a space."""
    space = ModelSpace(plan.make(), example_inputs=INPUTS, engine="graph")
    samples = list(space.grid())
    text = "".join(space.source(sample).text for sample in samples[:5])
    return {
        "table": str(space),
        "labels": [decision.label for decision in space.decisions],
        "size": space.size,
        "samples": [sample.key for sample in samples],
        "drawn": [space.random(seed).key for seed in range(5)],
        "digests": [space.digest(sample) for sample in samples],
        "base": space.base_model.digest(),
        "space": json.dumps(space.to_json()),
        "sources": hashlib.sha256(text.encode()).hexdigest(),
    }
