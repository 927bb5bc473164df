"""``python -m configgen``: the same as the command ``configgen``."""

from configgen.cli import main

main(prog_name="configgen")
