"""``python -m pluginmachinery.conformance replay CASES.jsonl > RESULTS.jsonl``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pluginmachinery.conformance import replay


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pluginmachinery.conformance", description=replay.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("replay", help="answer recorded cases, one JSON object a line")
    command.add_argument("cases", metavar="CASES.jsonl", help="file of cases; - for the standard input")
    path: str = parser.parse_args(arguments).cases
    if path == "-":
        replay.run(sys.stdin, sys.stdout)
        return 0
    try:
        with Path(path).open(encoding="utf-8") as source:
            replay.run(source, sys.stdout)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
