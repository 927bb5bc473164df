"""The parts of map tasks (plugin ``k8s-array``): one task, many *sub-tasks*, each a pod of its own.

*Original index*: the place of a sub-task among the inputs; files, the environment variable and people use it. *Index*
(execution index): its place among the sub-tasks that run, which differs where some are cached; pods are named by it.
"""
