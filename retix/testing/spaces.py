"""Small spaces that strategies are tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retix.space import Decision, DecisionSpace, Pick, Sample, SearchSpace

# What the space invents; kept, as tests walk it very often.
_DEPTH = Decision("depth", (1, 2, 3))
_CHANNELS = {
    (layer, least): Decision(f"channels{layer}", tuple(range(least, 4))) for layer in range(3) for least in (1, 2, 3)
}
_COLOUR = Decision("colour", (0, 1))


class StackSpace(SearchSpace):
    """A space that invents decisions: the first answer says how many layers follow.

    The candidates of a layer depend on the layer before: channels never shrink. Stacks of the same channels are the
    same network, whatever their colour. It can measure ``parameters``, the sum of the channels, and ``depth``.
    """

    networks = 3 + 6 + 10
    samples = 2 * networks

    def walk(self, pick: Pick) -> Sample:
        answers = {}

        def ask(decision: Decision) -> int:
            answers[decision.label] = decision.check(pick(decision))
            return int(answers[decision.label])

        least = 1
        for layer in range(ask(_DEPTH)):
            least = ask(_CHANNELS[layer, least])
        ask(_COLOUR)
        return Sample(answers)

    def fingerprint(self, sample: Sample) -> str:
        return str(_channels(sample))

    def measure(self, sample: Sample, name: str) -> float:
        if name == "parameters":
            return float(sum(_channels(sample)))
        return float(sample["depth"]) if name == "depth" else super().measure(sample, name)


class PickySpace(StackSpace):
    """A `StackSpace` that shows every answer, but permits only stacks whose channels have an odd sum."""

    networks = 2 + 2 + 6
    samples = 2 * networks

    def permits(self, sample: Sample) -> bool:
        return sum(_channels(sample)) % 2 == 1


def _channels(sample: Sample) -> list[int]:
    return [int(choice) for label, choice in sorted(sample.items()) if label.startswith("channels")]


def make_conditional_space() -> DecisionSpace:
    """Twelve samples: kernels under one operator, widths and a subset of inputs under the other."""
    return DecisionSpace(
        [
            Decision("op", ("conv", "mlp")),
            Decision("kernel", (3, 5, 7), when=((("op", "conv"),),)),
            Decision("width", (16, 32, 64), when=((("op", "mlp"),),)),
            Decision("inputs", ("a", "b"), n_chosen=-1, when=((("op", "mlp"),),)),
        ]
    )


def make_flat_space(decisions: int, options: int = 4) -> DecisionSpace:
    """A space of independent decisions ``d0``, ``d1``, ... that are answered by numbers from 0 on."""
    return DecisionSpace(Decision(f"d{i}", tuple(range(options))) for i in range(decisions))


SPACES: Mapping[str, Callable[[], SearchSpace]] = {
    "conditional": make_conditional_space,
    "dynamic": StackSpace,
    "picky": PickySpace,
    "flat": lambda: make_flat_space(6),
    "one sample": lambda: DecisionSpace([Decision("only", (1,))]),
    "no decision": lambda: DecisionSpace([]),
}
"""Makers of a space of each kind: conditions, decisions invented on the way, samples refused, and hardly a choice."""
