from __future__ import annotations

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from retix.execution.ray.loss import can_be_replaced, summarize_loss


def fail_on_a_node(error: Exception) -> Exception:
    """What the driver sees of an exception in a host's method."""
    remote = RayTaskError("take", "Traceback (most recent call last):\n  …", error)
    cause: Exception = remote.as_instanceof_cause()
    return cause


def test_errors_of_a_method() -> None:
    """The exception itself is what counts, not the traceback through Ray."""
    assert summarize_loss(fail_on_a_node(OSError(28, "No space left on device"))) == (
        "OSError: [Errno 28] No space left on device"
    )


def test_errors_of_ray() -> None:
    """Ray's long errors become a line without ids."""
    error = ActorDiedError()
    error.error_msg = (
        "The actor died unexpectedly before finishing this task.\n\tclass_name: Host\n\tactor_id: 6e4a\n"
        "\tip: 10.0.0.1\nThe actor died because its node has died. Node Id: 6117"
    )
    assert summarize_loss(error) == "The actor died because its node has died. Node Id: 6117"
    assert can_be_replaced(error)
    error.error_msg = "x" * 1000
    assert len(summarize_loss(error)) < 400


def test_a_host_that_cannot_be_made() -> None:
    """A constructor that raises would raise again elsewhere; its last line says why."""
    made = RayTaskError("__init__", "Traceback …\nModuleNotFoundError: No module named 'retix'\n", ImportError("retix"))
    error = ActorDiedError(made)
    assert error.actor_init_failed
    assert not can_be_replaced(error)
    assert "No module named 'retix'" in summarize_loss(error)


def test_a_host_out_of_reach() -> None:
    """A broken connection is told in Ray's words, and another host may be had."""
    error = ActorUnavailableError("RPC error: Socket closed", b"\x01" * 16)
    assert "Socket closed" in summarize_loss(error)
    assert can_be_replaced(error)
