"""Writing files where none were: all of them or none, and never over anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from configgen.problems import Problem, SourceError
from configgen.render.output import Rendered, write


def write_new(files: Mapping[str, str], folder: Path, option: str) -> None:
    """Write the files below the folder. Raises SourceError, and leaves everything as it was, where a file or a folder
    of the same name is there already (hidden folders, such as .github, are shared); ``option`` is what named the
    folder."""
    tops = sorted({name if name.startswith(".") else name.split("/", 1)[0] for name in files})
    there = [folder / name for name in tops if os.path.lexists(folder / name)]
    if there:
        mend = f"name another folder with {option}, or move it away"
        raise SourceError(
            Problem(str(path), 0, 0, "", "is there already, and is not overwritten", mend) for path in there
        )
    write(Rendered(files, ()), folder)
