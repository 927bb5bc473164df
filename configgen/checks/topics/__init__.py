"""The topics: one module each, with one function ``check`` from an inspection to results."""
