"""The generator: one layered source in Flyte's own format → everything a cluster reads.

The words used throughout:

*source*
    a folder with ``configgen.yaml``, which names the environments, and the layers they are made of.
*layer*
    a folder with ``config/*.yaml`` (Flyte configuration documents) and optionally ``release.yaml`` (values of our
    chart).
*environment*
    an ordered list of layers, later over earlier, with the targets to render and the namespace to install into.
*node*
    a value of a layer together with the place that said it (:mod:`configgen.layers.nodes`).
*provenance*
    which layer, file and line set a value, and what it overrode. Every node carries it from the moment it is read.
*target*
    a form of output: kustomize overlay, Helm values, plain ConfigMap.
"""
