"""Policy: what a built object may contain, checked as a stage of its own after every build.

A task's payload can carry whole pod specs – a K8sPod target, a Ray head group, Spark's driver pod, a PodTemplate of the
namespace – and the controller creates them with *its* rights. So the finished object is looked through, wherever a pod
hides in it, against the levels of the Kubernetes Pod Security Standards: ``privileged`` (anything goes), ``baseline``
(no known privilege escalation) and ``restricted`` (hardened).

- :mod:`.places` finds the pods in an object;
- :mod:`.baseline` and :mod:`.restricted` are the two levels, an ordered list of small checks each;
- :mod:`.check` puts them together with the configuration (``plugin-manager.policy``).
"""
