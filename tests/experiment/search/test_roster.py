"""The trials that have not ended, and where each of them stands."""

from __future__ import annotations

from retix.experiment.search.roster import Entry, Roster
from retix.space import Sample
from retix.trial import Trial


def make_entry(number: int, parent: int | None = None, duplicate_of: int | None = None) -> Entry:
    """A trial, which inherits if it has a parent."""
    return Entry(Trial(number, Sample({}), parent=parent, inherit=parent is not None, duplicate_of=duplicate_of))


def fill(*entries: Entry) -> Roster:
    """A roster of these."""
    roster = Roster()
    for entry in entries:
        roster.add(entry)
    return roster


def submit_all(roster: Roster) -> list[int]:
    """Submit what is ready; returns the ids in order."""
    return [roster.submit().trial.id for _ in range(roster.ready)]


def test_ready_trials_go_in_their_order() -> None:
    """A trial that is run again goes before the others."""
    roster = fill(*(make_entry(number) for number in (1, 2, 3)))
    assert roster.submit().trial.id == 1
    assert roster.is_submitted(1)
    roster.requeue(1)
    assert not roster.is_submitted(1)
    assert submit_all(roster) == [1, 2, 3]
    assert roster.ready == 0
    assert len(roster) == 3


def test_children_are_held() -> None:
    """Until their parent has ended, and not at all if that was before."""
    roster = fill(make_entry(2), make_entry(3, parent=2), make_entry(4, parent=3), make_entry(5, parent=1))
    assert (roster.ready, roster.held) == (2, 2)
    assert submit_all(roster) == [2, 5]
    assert roster.remove(2) == []
    assert submit_all(roster) == [3]
    roster.remove(3)
    assert submit_all(roster) == [4]
    assert roster.held == 0


def test_twins_end_with_their_original() -> None:
    """They are handed over when it ends, take no slot, and may hold children of their own."""
    twin, other = make_entry(2, duplicate_of=1), make_entry(4, duplicate_of=1)
    roster = fill(make_entry(1), twin, make_entry(3, parent=2), other)
    assert submit_all(roster) == [1]
    assert roster.remove(1) == [twin, other]
    assert roster.remove(2) == []
    assert submit_all(roster) == [3]


def test_paused_trials_take_no_slot() -> None:
    """Nobody waits for them, nor does the search, until they are promoted."""
    twin = make_entry(3, duplicate_of=1)
    roster = fill(make_entry(1), make_entry(2, parent=1), twin, make_entry(4))
    assert submit_all(roster) == [1, 4]
    assert roster.pause(1) == [twin]
    assert (roster.paused, roster.working, roster.is_paused(1), roster.is_awaited(1)) == (1, 3, True, False)
    assert not roster.is_submitted(1)
    roster.remove(3)
    assert submit_all(roster) == [2]
    roster.add(make_entry(5, parent=1))
    assert submit_all(roster) == [5]
    roster.add(make_entry(6))
    roster.promote(1)
    assert (roster.paused, roster.is_awaited(1)) == (0, True)
    roster.add(make_entry(7, parent=1))
    assert roster.held == 1
    assert submit_all(roster) == [6, 1]


def test_a_trial_may_come_paused() -> None:
    """As it does where a search is resumed, also one that inherits from a trial which has not ended."""
    roster = fill(make_entry(1))
    roster.add(make_entry(2, parent=1), is_paused=True)
    assert (roster.held, roster.paused, submit_all(roster)) == (0, 1, [1])
    roster.remove(2)
    assert (roster.paused, roster.working) == (0, 1)


def test_whoever_is_removed_is_gone() -> None:
    """From whatever place it was in; nothing of it is kept."""
    roster = fill(make_entry(1), make_entry(2, parent=1), make_entry(3, duplicate_of=1), make_entry(4))
    roster.add(make_entry(5), is_paused=True)
    for number in (2, 3, 4, 5):
        roster.remove(number)
        assert roster.find(number) is None
    assert [entry.trial.id for entry in roster] == [1]
    assert roster.remove(1) == []
    assert (len(roster), roster.ready, roster.held) == (0, 0, 0)
    assert vars(roster) == vars(Roster())
