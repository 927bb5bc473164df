"""Lint: what a configuration says that its author most likely did not mean.

A *subject* is what is looked at: one environment of a source, or one configuration found in a foreign file
(``subjects``). A *rule* is one function from a subject to *hits* (``rules``, a file for each matter); the ordered list
in ``specification`` gives each its ID and severity and is what docs/linting.md is tested against. ``linting`` runs all
rules over all subjects, places the hits and takes waivers into account; what comes out are *findings*.
"""
