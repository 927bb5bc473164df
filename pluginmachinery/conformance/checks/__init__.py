"""The checks of the conformance kit: each is a function from a subject to complaints.

:data:`~.ordered.CHECKS` in :mod:`.ordered` is the specification. Modules by topic: :mod:`.declarations`,
:mod:`.building`, :mod:`.statuses`, :mod:`.endings`; :mod:`.subjects` is what they look at.
"""
