"""The effect of a configuration: what the pods of tasks look like under it, and how that changes.

A *representative task* (:mod:`.representatives`) stands for many: a plain container, one with a GPU, a Spark
application. :mod:`.building` asks the controller's own life cycle what it would create for a task, offline;
:mod:`.fields` takes the objects apart into fields with roles ("spark executor", "main container"); :mod:`.comparing`
says which fields change, and puts tasks together that change alike; :mod:`.wording` says it in words.
"""
