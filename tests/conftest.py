"""What holds for every test, and for the processes that tests start."""

from __future__ import annotations

import os

from hypothesis import settings

# Two tests run at a time, and their networks are tiny: more threads than one wait for each other more than they
# compute. Set before anyone imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `make test` draws new examples each time; where a run decides whether a change lands, each draws the same.
settings.register_profile("ci", derandomize=True)
