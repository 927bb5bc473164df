"""One module for each operation of recorded cases; each has ``answer(case) -> dict``."""
