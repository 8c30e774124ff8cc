"""Spaces with limits: what is beyond them is left out, and limits that nothing keeps are found out at once."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from retix.errors import ConfigError, MutationError, SpaceError
from retix.objective import Limit
from retix.space import Decision, DecisionSpace, DepthFirst, LimitedSpace, Sample, SearchSpace
from retix.testing import PickySpace, StackSpace


class Layers(DecisionSpace):
    """Eight layers, each with one of nine widths: 9**8 samples.

    Its ``parameters`` are those of the stack of layers, its ``depth`` counts the layers that are wider than 1, its
    ``odd`` is 1 for odd sums; what it ``looks`` at is counted.
    """

    def __init__(self, layers: int = 8) -> None:
        super().__init__(Decision(f"width{i}", (64, 4, 32, 1, 16, 3, 128, 2, 8)) for i in range(layers))
        self.looks = 0

    def measure(self, sample: Sample, name: str) -> float:
        self.looks += 1
        widths = [int(choice) for choice in sample.values()]
        if name == "parameters":
            return float(sum(a * b + b for a, b in zip([3, *widths], [*widths, 10], strict=True)))
        if name == "depth":
            return float(sum(width > 1 for width in widths))
        if name == "broken":
            raise MutationError("the layers do not go together")
        return super().measure(sample, name)


def all_of(space: SearchSpace) -> set[Sample]:
    """Every sample that the space permits."""
    order = DepthFirst()
    return {sample for sample in iter(lambda: order.draw(space), None) if space.permits(sample)}


def test_what_is_beyond_a_limit_is_left_out() -> None:
    """Exactly those samples are left whose measures are within all limits, and that the space permits."""
    for space in (StackSpace(), PickySpace()):
        limited = LimitedSpace(space, [Limit("parameters", at_most=5, at_least=3), Limit("depth", at_most=2)])
        limited.check()
        expected = {
            sample
            for sample in all_of(space)
            if 3 <= space.measure(sample, "parameters") <= 5 and sample["depth"] in (1, 2)
        }
        assert expected
        assert all_of(limited) == expected


def test_it_is_the_same_space_otherwise() -> None:
    """Walks, fingerprints and measures are those of the space; how many samples are left is not known."""
    space = StackSpace()
    limited = LimitedSpace(space, [Limit("parameters", at_most=5)])
    sample = limited.walk(lambda decision: decision.draw(random.Random(3)))
    assert space.complete(sample) == sample
    assert limited.complete({"depth": 2}) == space.complete({"depth": 2})
    assert limited.fingerprint(sample) == space.fingerprint(sample)
    assert limited.measure(sample, "depth") == space.measure(sample, "depth")
    assert limited.size is None
    assert "parameters <= 5" in repr(limited)


def test_a_network_is_measured_once() -> None:
    """What was measured is remembered, for samples that make the same network, too."""
    space = Layers()
    limited = LimitedSpace(space, [Limit("parameters", at_most=1e9)])
    sample = space.complete({})
    assert [limited.permits(sample) for _ in range(5)] == [True] * 5
    assert space.looks == 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ([Limit("parameters", at_most=0.5)], "the smallest is 1, of {'depth': 1, 'channels0': 1, 'colour': 0}"),
        ([Limit("parameters", at_least=20)], "the largest is 9, of {'depth': 3, 'channels0': 3, "),
        ([Limit("depth", at_most=1), Limit("parameters", at_least=10)], "keeps parameters >= 10: the largest is 9"),
        ([Limit("parameters", at_least=3.1, at_most=3.4)], "the nearest is 3, of"),
    ],
)
def test_impossible_limits_of_a_small_space(limits: Iterable[Limit], message: str) -> None:
    """A space that can be looked through ends with its true extreme, and the sample that has it."""
    space = _Counted()
    with pytest.raises(SpaceError, match="no model of the space keeps") as caught:
        LimitedSpace(space, limits).check()
    assert message in caught.value.what


class _Counted(StackSpace):
    """A stack that knows how many samples it has, so that it can be looked through."""

    @property
    def size(self) -> int:
        return self.samples


def test_the_smallest_model_of_a_large_space_is_found() -> None:
    """Of 43 million models the smallest is found by a few hundred looks, and shown."""
    space = Layers()
    smallest = 3 * 1 + 1 + 7 * 2 + 10 + 10
    LimitedSpace(space, [Limit("parameters", at_most=smallest)]).check()
    assert space.looks < 2_000
    with pytest.raises(SpaceError, match=f"keeps parameters <= 37: the smallest found is {smallest}, of ") as caught:
        LimitedSpace(Layers(), [Limit("parameters", at_most=37)]).check()
    assert caught.value.what.count("': 1") == 8
    with pytest.raises(SpaceError, match=r"keeps parameters >= 1e\+06: the largest found is 117386, of "):
        LimitedSpace(Layers(), [Limit("parameters", at_least=1e6)]).check()


def test_limits_that_contradict_each_other() -> None:
    """Limits that can each be kept, but not together, are found out, with the sample that comes nearest."""
    limits = [Limit("parameters", at_most=50), Limit("depth", at_least=7)]
    with pytest.raises(SpaceError, match="no model found keeps all limits at once: parameters <= 50, depth >= 7"):
        LimitedSpace(Layers(), limits).check()
    with pytest.raises(SpaceError, match="no model of the space keeps all limits at once") as caught:
        LimitedSpace(_Counted(), [Limit("parameters", at_most=2), Limit("depth", at_least=3)]).check()
    assert caught.value.where is not None
    assert "with parameters" in caught.value.where


def draw_permitted(space: SearchSpace, limited: LimitedSpace, number: int) -> int:
    """How many random samples of a space keep limits."""
    rng = random.Random(1)
    return sum(limited.permits(space.walk(lambda decision: decision.draw(rng))) for _ in range(number))


def test_narrow_limits_are_met_by_random_samples() -> None:
    """Where hardly any model keeps the limits, `check` makes random samples come near them, the same each time."""
    space = Layers()
    limits = [Limit("parameters", at_most=140), Limit("depth", at_least=8)]
    limited = LimitedSpace(space, limits)
    assert draw_permitted(limited, limited, 300) == 0
    limited.check()
    assert draw_permitted(limited, limited, 300) > 3
    assert draw_permitted(space, limited, 300) == 0
    again = LimitedSpace(Layers(), limits)
    again.check()
    one, other = (each.walk(lambda decision: decision.draw(random.Random(5))) for each in (limited, again))
    assert one == other


def test_wide_limits_leave_random_samples_alone() -> None:
    """Where many models keep the limits, they are drawn as in the space itself."""
    space = Layers()
    limited = LimitedSpace(space, [Limit("parameters", at_most=20_000)])
    limited.check()
    one, other = (each.walk(lambda decision: decision.draw(random.Random(5))) for each in (limited, space))
    assert one == other


def test_weights_leave_what_they_cannot_help_alone() -> None:
    """Subsets keep their way of being drawn, and what a prior of the user's rules out stays so."""

    class Mixed(DecisionSpace):
        def __init__(self) -> None:
            numbers = tuple(range(40))
            super().__init__(
                [
                    Decision("inputs", ("a", "b", "c"), n_chosen=-1),
                    Decision("x", numbers, weights=tuple(float(n != 39) for n in numbers)),
                    *(Decision(f"y{i}", numbers) for i in range(4)),
                ]
            )

        def measure(self, sample: Sample, name: str) -> float:
            return float(sum(int(sample[label]) for label in sample if label != "inputs"))

    limited = LimitedSpace(Mixed(), [Limit("sum", at_least=180)])
    limited.check()
    rng = random.Random(2)
    samples = [limited.walk(lambda decision: decision.draw(rng)) for _ in range(300)]
    assert {len(tuple(sample["inputs"])) for sample in samples} == {1, 2, 3}
    assert all(sample["x"] != 39 for sample in samples)
    assert any(map(limited.permits, samples))


def test_unknown_measures_are_refused() -> None:
    """A name that is no measure is refused at once, in the words of the space."""
    with pytest.raises(SpaceError, match="Layers cannot measure 'flosp'"):
        LimitedSpace(Layers(), [Limit("flosp", at_most=1)]).check()


def test_models_that_cannot_be_measured_are_left_out() -> None:
    """One that cannot be built is not permitted; if that is so of all, the reason is given."""
    limited = LimitedSpace(Layers(), [Limit("broken", at_most=1)])
    assert not limited.permits(limited.complete({}))
    with pytest.raises(ConfigError, match="no model that was drawn could be measured") as caught:
        limited.check()
    assert caught.value.why == "the layers do not go together"


def test_a_space_that_refuses_everything() -> None:
    """If the space itself permits nothing, it is not the limit that is blamed."""

    class Refusing(StackSpace):
        def permits(self, sample: Sample) -> bool:
            return False

    with pytest.raises(SpaceError, match="no model was found to which the limits parameters <= 5 could apply"):
        LimitedSpace(Refusing(), [Limit("parameters", at_most=5)]).check()
