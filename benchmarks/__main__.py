"""``python -m benchmarks [NAME …]``: run these benchmarks, or all."""

from __future__ import annotations

import importlib
import sys

NAMES = ("plugins", "configgen", "controller")


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            sys.exit(f"there is no benchmark {name!r}: {', '.join(NAMES)}")
        importlib.import_module(f"benchmarks.{'controller.__main__' if name == 'controller' else name}").main()


main()
