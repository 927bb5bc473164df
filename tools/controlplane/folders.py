"""The data folder of one control plane: temporary, locked by its owner, and swept up when the owner died.

etcd sets aside 128 MiB for its log, so that folders left by killed processes would fill a disk. A folder is
abandoned when nobody holds the lock in it: the kernel lets go of a dead process's locks.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import IO

PREFIX = "fpm-controlplane-"
LOCK = "owner.lock"


class DataFolder:
    """A new folder, held until `remove`."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = _locked_file(self.path)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_abandoned() -> None:
    """Removes the folders whose owners are gone; those of other users are not ours to judge."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            continue


def _locked_file(folder: Path) -> IO[str]:
    """The lock gets its name when it is held already: no sweeper ever finds it free while the owner lives."""
    unnamed = folder / f".{LOCK}"
    file = unnamed.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    unnamed.rename(folder / LOCK)
    return file
