"""Starts a program that must not outlive its parent: `python leash.py PARENT PROGRAM ARGUMENT...`

The kernel sends SIGTERM to the program when the parent's thread that started it ends, even by kill -9. A process of
its own does this because it has to happen between fork and exec, where a program with threads may do nothing else.
The setting survives the exec. It exists on Linux; elsewhere the next start finds what was left behind and stops it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, *command: str) -> None:
    """Becomes the command, unless the parent is already gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:
        os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
