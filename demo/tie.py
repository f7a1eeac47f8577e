"""Becomes a server that the kernel kills when its owner ends. Run by path, with the standard library only.

    tie.py OWNER_PID UID GID COMMAND...     (UID and GID are -1 for no change)

The owner may end in any way, SIGKILL included. On other systems than Linux only an orderly end stops the server.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(owner: int, uid: int, gid: int, command: list[str]) -> None:
    """Replace this process by the command."""
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == owner:  # else it has ended a moment ago
        os.execv(command[0], command)  # noqa: S606  # the command that the owner gave


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
