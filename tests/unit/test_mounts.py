import sys
from pathlib import Path

import pytest

from watcher.mounts import found_in, shared_type

MOUNTS = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
22 27 0:21 / /proc rw,relatime - proc proc rw
60 27 0:50 / /srv/sessions rw,relatime shared:30 master:2 - nfs4 server:/export rw,vers=4.2
61 60 0:51 / /srv/sessions/fast rw,relatime - tmpfs tmpfs rw
62 27 0:52 / /data/a\040b rw,relatime - fuse.sshfs me@host: rw
63 27 0:53 / /data/usb rw,relatime - fuseblk /dev/sdb1 rw
64 27 0:54 / /over rw,relatime - cifs //host/share rw
65 27 0:55 / /over rw,relatime - xfs /dev/vdb rw
66 27 0:56 / /data/ro\134co rw,relatime - 9p drvfs rw
67 27 0:57 / /host rw,relatime - fakeowner /run/host_mark/Users rw
68 27 0:58 / /images rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b
"""


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/home/me/.claude", ""),
        ("/srv/sessions", "nfs4"),
        ("/srv/sessions/ann/p", "nfs4"),
        ("/srv/sessions/fast/p", ""),
        ("/srv/sessions-old", ""),
        ("/srv", "nfs4"),  # mounted below the root
        ("/", "nfs4"),
        ("/data/a b/p", "fuse.sshfs"),
        ("/data/usb", ""),  # a disk of this machine
        ("/over/p", ""),  # mounted over the share
        ("/data/ro\\co", "9p"),
        ("/host/.claude", "fakeowner"),  # folders that a desktop lends to its containers
        ("/images/p", ""),
    ],
)
def test_what_a_root_lies_on(root, kind):
    assert found_in(MOUNTS, root) == kind


def test_what_is_no_list_of_mounts_tells_nothing():
    assert found_in("", "/srv") == ""
    assert found_in("1 2 3\n- nfs\n\n", "/srv") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are listed on Linux")
def test_this_machine_can_be_asked():
    assert shared_type(Path("/proc/self")) == ""
