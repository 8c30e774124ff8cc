"""Connections that a child process takes over from the one that starts it."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import Any

if sys.platform == "win32":
    import os
    import subprocess
    from multiprocessing.connection import PipeConnection


def hand_over(*connections: Connection) -> tuple[list[str], dict[str, Any]]:
    """What `subprocess.Popen` needs so that the child gets these connections, and no others.

    Returns:
        The words by which the child knows them, to be put on its command line for `take_over`, and keyword arguments.
    """
    words = [str(connection.fileno()) for connection in connections]
    if sys.platform == "win32":
        handles = [connection.fileno() for connection in connections]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles})
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return words, {"startupinfo": startup, "creationflags": flags, "close_fds": True}
    return words, {"pass_fds": tuple(map(int, words)), "start_new_session": True}


def take_over(word: str) -> Connection:
    """The connection that a word of `hand_over` names."""
    if sys.platform == "win32":
        return PipeConnection(int(word))
    return Connection(int(word))
