"""An environment held against a live cluster: what its configuration needs, and whether that is there.

A *topic* is a function from an :class:`~.inspection.Inspection` to results, one module each in ``topics``; the ordered
list in :mod:`.specification` is all there are. A *result* says what was looked for, what was found, which line of the
source asked for it, and the mend. What this user may not read is "not checked", with the reason; it is never taken for
missing.
"""
