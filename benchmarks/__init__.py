"""What retix costs, measured beside what else does the same work: ``python -m benchmarks [name ...]``."""
