"""The rules, a file for each matter; one function is one rule. Their IDs and order stand in
:mod:`configgen.lint.specification`."""
