"""``python -m pluginmachinery.conformance check PLUGIN`` and ``… replay CASES.jsonl > RESULTS.jsonl``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if given.command == "check":
        from pluginmachinery.conformance import commands

        return commands.run(given.plugin, config=given.config, file=given.examples, output=given.output)
    return _replay(given.cases)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pluginmachinery.conformance",
        description="Does a plugin keep to the contract? And does this implementation agree with recorded cases?",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    check = commands.add_parser("check", help="check a plugin, on a cluster in memory")
    check.add_argument("plugin", metavar="PLUGIN", help="ID of an installed plugin, or module:attribute")
    check.add_argument("--config", metavar="DIR", type=Path, help="folder of configuration; none: the defaults")
    check.add_argument("--examples", metavar="FILE", type=Path, help="YAML list of tasks and statuses to try")
    check.add_argument("-o", "--output", choices=("text", "json"), default="text")
    replay = commands.add_parser("replay", help="answer recorded cases, one JSON object a line")
    replay.add_argument("cases", metavar="CASES.jsonl", help="file of cases; - for the standard input")
    return parser


def _replay(path: str) -> int:
    from pluginmachinery.conformance import replay

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
