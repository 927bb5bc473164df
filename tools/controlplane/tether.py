"""Run a command that ends with its parent: `python -I -S tether.py PARENT_PID COMMAND ARGUMENT…`.

The kernel sends a child SIGKILL when its parent is gone (PR_SET_PDEATHSIG), however the parent went: even after
`kill -9` nothing stays behind. The setting survives `exec`, so this program sets it and becomes the command. It is
a program rather than a `preexec_fn` because running Python between fork and exec deadlocks, sooner or later, in a
process with threads.

Only Linux has this; elsewhere the command just runs, and an orderly shut-down is what ends it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the setting held
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 -- no shell is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
