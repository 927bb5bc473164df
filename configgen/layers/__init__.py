"""From files to one effective tree: reading with places, the merge rules, and the environments that are made of layers.

``files`` reads bytes safely, ``parse`` turns a document into nodes, ``merge`` lays one layer over another, ``source``
reads ``configgen.yaml``, ``environments`` puts them together and validates the result.
"""
