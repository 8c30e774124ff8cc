"""The seed of each trial, which depends on the seed of the search and the trial's number alone."""

from __future__ import annotations

import hashlib


def seed_of_trial(seed: int, trial: int) -> int:
    """What seeds Python, numpy and torch before a trial's model is built; 32 bits.

    Args:
        seed: The seed of the strategy.
        trial: The trial's id.
    """
    return int.from_bytes(hashlib.blake2b(f"{seed}/{trial}".encode(), digest_size=4).digest())
