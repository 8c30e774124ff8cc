"""Samples that may be proposed."""

from __future__ import annotations

import random

import pytest

from retix.errors import SpaceError
from retix.space import Sample
from retix.strategy.sampler import Sampler
from tests.strategy.toys import StackSpace, make_flat_space


def test_equal_networks_come_once() -> None:
    """Networks are told apart by the space's fingerprint, not by their answers."""
    sampler, space, rng = Sampler(dedup=True), StackSpace(), random.Random(0)
    drawn = list(iter(lambda: sampler.draw(space, rng), None))
    assert len(drawn) == len({space.fingerprint(sample) for sample in drawn}) == StackSpace.networks
    assert sampler.exhausted


def test_accepted_samples_count_as_proposed() -> None:
    """A sample that came from elsewhere and was accepted is not drawn any more."""
    sampler, space, rng = Sampler(dedup=True), make_flat_space(1), random.Random(0)
    known = Sample({"d0": 2})
    assert sampler.accept(space, known)
    assert not sampler.accept(space, known)
    assert sorted(s["d0"] for s in iter(lambda: sampler.draw(space, rng), None)) == [0, 1, 3]


def test_without_dedup_samples_repeat() -> None:
    """Forty draws from four samples must repeat some, and never end."""
    sampler, space, rng = Sampler(dedup=False), make_flat_space(1), random.Random(0)
    assert {sample["d0"] for _ in range(40) if (sample := sampler.draw(space, rng))} == {0, 1, 2, 3}
    assert not sampler.exhausted


@pytest.mark.parametrize("dedup", [True, False])
def test_a_rare_sample_is_found(dedup: bool) -> None:
    """One accepted sample among 256 comes at the first draw."""
    rare = Sample({f"d{i}": 3 for i in range(4)})
    sampler = Sampler(dedup, lambda sample: sample == rare)
    assert sampler.draw(make_flat_space(4), random.Random(0)) == rare


@pytest.mark.parametrize("dedup", [True, False])
def test_a_filter_that_refuses_a_small_space_is_an_error(dedup: bool) -> None:
    """The error is exact: every model was looked at, each once."""
    looked: list[Sample] = []

    def refuse(sample: Sample) -> bool:
        looked.append(sample)
        return False

    sampler = Sampler(dedup, refuse)
    with pytest.raises(SpaceError, match="model_filter refused every model of the space"):
        sampler.draw(make_flat_space(2), random.Random(0))
    assert len(looked) == len(set(looked)) == 16


@pytest.mark.parametrize("dedup", [True, False])
def test_a_filter_that_refuses_a_large_space_is_an_error(dedup: bool) -> None:
    """In a space that cannot be looked through, the error says how far the search went."""
    sampler = Sampler(dedup, lambda sample: False, limit=50)
    with pytest.raises(SpaceError, match="refused each of 50 models drawn in a row"):
        sampler.draw(make_flat_space(40), random.Random(0))


def test_the_limit_ends_a_draw_without_proof() -> None:
    """Nothing new within the limit is no error and no proof that nothing is left; the next draw goes on."""
    sampler, space, rng = Sampler(dedup=True, limit=3), StackSpace(), random.Random(0)
    answers = []
    while not sampler.exhausted:
        answers.append(sampler.draw(space, rng))
    found = [sample for sample in answers if sample is not None]
    assert len(found) == StackSpace.networks
    assert None in answers[:-1]


def test_what_others_tried_does_not_come() -> None:
    """Samples of others are noted, one's own cost nothing, and what belongs to another space is passed over."""
    sampler, space, rng = Sampler(dedup=True), StackSpace(), random.Random(0)
    foreign = Sample({"depth": 1, "channels0": 2, "colour": 0})
    for sample in (foreign, Sample({"other": 1}), Sample({"depth": 1, "channels0": 9, "colour": 0})):
        sampler.note(space, sample)
    own = sampler.draw(space, rng)
    assert own is not None
    sampler.note(space, own)
    rest = list(iter(lambda: sampler.draw(space, rng), None))
    networks = {space.fingerprint(sample) for sample in [own, *rest]}
    assert len(networks) == len(rest) + 1 == StackSpace.networks - 1
    assert space.fingerprint(foreign) not in networks


def test_a_space_that_others_tried_out_is_no_error() -> None:
    """If all there is came from others, there is nothing to propose, and nobody refused anything."""
    sampler, space = Sampler(dedup=True), make_flat_space(1, 1)
    sampler.note(space, Sample({"d0": 0}))
    assert sampler.draw(space, random.Random(0)) is None
    assert sampler.exhausted
