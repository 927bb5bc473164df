"""Measurements. They print tables and decide nothing: rates depend on the machine, counts and ratios do not."""
