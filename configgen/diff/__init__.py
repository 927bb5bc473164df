"""What two environments differ in: leaf by leaf, by meaning and not by spelling, with who said so on either side.

``leaves`` flattens a resolved configuration into leaves that can be compared, ``comparing`` pairs them, ``printing``
shows the result to people.
"""
