from __future__ import annotations

from retix.dashboard.status import read_status
from retix.store import Store, StoreReader


def test_the_status_is_what_the_store_says(store: Store) -> None:
    """Counts, best trial and budget are at one glance."""
    status = read_status(StoreReader(store.directory))
    assert (status.total, status.ended) == (4, 3)
    document = status.to_json()
    assert (document["id"], document["state"], document["best"]["id"]) == (store.id, "running", 1)
    assert document["counts"]["failed"] == 1
    assert document["budget"] == {"max_trial_number": 8, "max_experiment_duration": None, "trial_concurrency": 2}
