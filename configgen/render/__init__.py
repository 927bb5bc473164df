"""From an environment to files: one module a target, ``output`` puts them on disk.

Rendering is pure: environments in, a mapping from relative paths to texts out. Only :mod:`configgen.render.output`
touches the disk, and only after everything has been rendered.
"""
