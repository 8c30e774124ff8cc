"""What lies under a directory: a local disk, or a file system that several machines share.

SQLite's write-ahead log needs memory that all its processes share, which no network gives; and some network file
systems take a whole-file lock (``flock``) on one machine without telling the others.
"""

from __future__ import annotations

import re
from pathlib import Path

import psutil

_MOUNTS = Path("/proc/self/mounts")

NETWORK_TYPES = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "davfs2", "ncpfs"),
        *("lustre", "gpfs", "beegfs", "beegfs_nodev", "panfs", "wekafs", "pvfs2", "orangefs", "ceph", "glusterfs"),
        *("afs", "coda", "ocfs2", "gfs", "gfs2", "quobyte", "vboxsf", "vmhgfs", "prl_fs", "9p", "virtiofs"),
        *("sshfs", "osxfs", "grpcfuse", "s3fs", "goofys", "rclone", "gcsfuse", "juicefs", "jfs_mount", "blobfuse"),
        *("blobfuse2", "mergerfs", "moosefs", "mfs", "lizardfs", "seaweedfs", "cephfs", "ceph-fuse", "macfuse"),
    }
)
"""The types that are shared between machines, without the prefix ``fuse.`` that some have."""


def is_network(path: Path, mounts: str | None = None) -> bool:
    """Whether a path lies on a file system that is shared between machines; an unknown type counts as a local disk.

    Args:
        path: The path, whether it exists or not.
        mounts: What is mounted where, as ``/proc/self/mounts`` says it; None asks the system.
    """
    kind = read_type(path, mounts)
    return kind.removeprefix("fuse.").removeprefix("fuseblk.") in NETWORK_TYPES


def read_type(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that a path lies on, such as ``ext4``; empty if it cannot be found out.

    Args:
        path: The path, whether it exists or not.
        mounts: What is mounted where, as ``/proc/self/mounts`` says it; None asks the system.
    """
    path = Path(path).resolve()
    found, depth = "", -1
    for point, kind in _read_mounts(mounts):
        # Of several on one place the last one hides the others.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kind, len(point.parts)
    return found


def _read_mounts(text: str | None) -> list[tuple[Path, str]]:
    if text is None:
        try:
            text = _MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            # macOS and Windows; there, a drive of another machine has the option "remote".
            parts = psutil.disk_partitions(all=True)
            return [(Path(p.mountpoint), "smb" if "remote" in p.opts.split(",") else p.fstype.lower()) for p in parts]
    lines = [line.split(" ") for line in text.splitlines()]
    return [(Path(_unescape(fields[1])), fields[2].lower()) for fields in lines if len(fields) > 2]


def _unescape(text: str) -> str:
    r"""A space stands in the table as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
