"""``configgen lint``."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from configgen.cli.options import environment_names, problems_end_the_command, show, show_data, source_folder

FOUND = 1


@click.command(short_help="Find what is most likely a mistake.")
@source_folder
@environment_names
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Lint this file instead: values of Flyte's charts, a ConfigMap, plain configuration.",
)
@click.option(
    "-o",
    "output",
    type=click.Choice(["text", "json", "yaml", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="Form.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="The least severity that makes the command exit 1.",
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day by which waivers expire.  [default: today, UTC]",
)
@problems_end_the_command
def lint(
    folder: Path,
    names: tuple[str, ...],
    file: Path | None,
    output: str,
    fail_on: str,
    today: datetime.datetime | None,
) -> None:
    """Find what is most likely a mistake: in environments of the source (default: all), or in a foreign file.

    All findings at once, sorted by place. docs/linting.md lists the rules. Findings that somebody accepts are waived in
    configgen.yaml, with a reason and a date.

    \b
    Exit codes: 0 nothing at or above --fail-on; 1 something; 2 an error.

    \b
    Example:
      configgen -C examples/configuration lint
      configgen lint --env prod -o sarif > lint.sarif
      configgen lint --file values.yaml --fail-on error
    """
    from configgen.lint.findings import Severity
    from configgen.lint.linting import lint_file, lint_source

    if file is not None and names:
        raise click.UsageError("Give either --env or --file.")
    day = (today or datetime.datetime.now(datetime.UTC)).date()
    report = lint_file(file) if file is not None else lint_source(folder, names, day)
    least = Severity(fail_on)
    match output:
        case "json" | "yaml":
            from configgen.lint.printing import as_json

            show_data(as_json(report.findings), output)
        case "sarif":
            from configgen.lint.sarif import as_sarif

            show(as_sarif(report.findings))
        case "junit":
            from configgen.lint.junit import as_junit

            show(as_junit(report.findings, least))
        case _:
            from configgen.lint.printing import as_text

            show(as_text(report.findings, report.waived))
    if any(finding.severity.rank >= least.rank for finding in report.findings):
        raise SystemExit(FOUND)
