from __future__ import annotations

from pathlib import Path

import pytest

from retix.store.filesystem import is_network, read_type

MOUNTS = r"""rootfs / rootfs rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/ann/fast xfs rw 0 0
//server/data /mnt/my\040data cifs rw 0 0
ann@far:/ /mnt/far fuse.sshfs rw 0 0
/dev/sdc1 /mnt/usb fuseblk rw 0 0
10.0.0.1@tcp:/scratch /scratch lustre rw,flock 0 0
tmpfs /scratch/local tmpfs rw 0 0
server:/over /over nfs rw 0 0
/dev/sdd1 /over ext4 rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/", "ext4", False),
        ("/homes", "ext4", False),
        ("/home/ann", "nfs4", True),
        ("/home/ann/fast/experiments", "xfs", False),
        ("/mnt/my data/x", "cifs", True),
        ("/mnt/far/x", "fuse.sshfs", True),
        ("/mnt/usb/x", "fuseblk", False),
        ("/scratch/a/b", "lustre", True),
        ("/scratch/local/x", "tmpfs", False),
        ("/over/x", "ext4", False),
    ],
)
def test_the_longest_mount_point_decides(path: str, kind: str, network: bool) -> None:
    """The type of a path is that of the deepest place above it where something is mounted, the last of several."""
    assert read_type(Path(path), MOUNTS) == kind
    assert is_network(Path(path), MOUNTS) is network


def test_nothing_known_counts_as_a_disk() -> None:
    """Where the system says nothing, or a type that nobody knows, the path is taken for a local disk."""
    assert read_type(Path("/x"), "") == ""
    assert not is_network(Path("/x"), "")
    assert not is_network(Path("/x"), "dev / newfs rw 0 0")


def test_links_are_followed(tmp_path: Path) -> None:
    """A link to a place is of the file system that the place lies on."""
    (tmp_path / "link").symlink_to("/nowhere/of/mine")
    assert read_type(tmp_path / "link", "dev / ext4 rw\nfar /nowhere nfs rw") == "nfs"


def test_the_system_is_asked(tmp_path: Path) -> None:
    """Without a table the system's own is read, and knows the directory of the tests."""
    assert read_type(tmp_path) != ""
