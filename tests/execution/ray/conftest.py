from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # only where ray is installed

from retix.execution import RayEngine

STORE = 80_000_000

# Ray itself leaves files and sockets to the garbage collector.
IGNORED = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray's own warnings are not ours to mend."""
    for item in items:
        if item.path.is_relative_to(__file__.removesuffix("/conftest.py")):
            for warning in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(warning))


def add_node(cluster: Cluster, **fields: Any) -> Any:
    """One more node with room for one trial that takes a CPU."""
    return cluster.add_node(num_cpus=1, object_store_memory=STORE, **fields)


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Three nodes on this machine, with one CPU each; a node that dies is missed after seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        health = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 8,  # a busy machine is no dead node
        }
        head = {
            "num_cpus": 1,
            "object_store_memory": STORE,
            "include_dashboard": False,
            "_system_config": health,
        }
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(2):
                add_node(cluster)
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture(scope="package")
def together(cluster: Cluster) -> Iterator[RayEngine]:
    """One slot per node; the nodes share the driver's folders, as they find out."""
    with RayEngine(3, address=cluster.address, frozen_after=3.0) as engine:
        yield engine


@pytest.fixture(scope="package")
def engine(together: RayEngine) -> RayEngine:
    """The engine that most tests use."""
    return together


@pytest.fixture(scope="package")
def apart(together: RayEngine) -> Iterator[RayEngine]:
    """Another engine on the same connection, whose three slots work on their node's own disk."""
    with RayEngine(3, resources={"CPU": 0}, shared_directory=False) as apart:
        yield apart
