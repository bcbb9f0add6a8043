"""Which file systems other machines write to behind this kernel's back, as Linux lists its mounts.

The rule: where somebody else may write, events tell only half of what happens, so such a root is
polled. A type that is not listed here counts as local, and the sweep still finds every byte. (What
an `autofs` will mount is not known before it does.)
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

SHARED_TYPES = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "gpfs", "beegfs",
        "orangefs", "pvfs2", "ocfs2", "gfs2", "panfs", "wekafs", "coda", "9p", "vboxsf", "vmhgfs",
        "virtiofs", "prl_fs", "drvfs", "fakeowner", "fuse", "autofs",
    }
)  # fmt: skip
_MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def shared_type(root: Path) -> str:
    """The type of a shared file system that the root lies on or that is mounted below it; "" if
    there is none, or where mounts are not listed."""
    try:
        listed = os.fsdecode(_MOUNTINFO.read_bytes())
    except OSError:
        return ""
    return found_in(listed, os.path.realpath(root))


def found_in(mountinfo: str, real_root: str) -> str:
    """The same for the text of a mountinfo file (`proc_pid_mountinfo(5)`)."""
    root = os.path.join(real_root, "")
    holder, holder_type = "", ""
    for point, kind in _mounts(mountinfo):
        if root.startswith(point) and len(point) >= len(holder):  # A later mount hides an earlier.
            holder, holder_type = point, kind
        elif point.startswith(root) and _is_shared(kind):
            return kind
    return holder_type if _is_shared(holder_type) else ""


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    """Mount points, with a `/` at the end, and types."""
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if dash and len(fields) > 4:
            point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
            yield os.path.join(point, ""), after.partition(" ")[0]


def _is_shared(kind: str) -> bool:
    return kind in SHARED_TYPES or kind.startswith("fuse.")
