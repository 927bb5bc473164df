"""From what people have to layers: Helm values, ConfigMaps and plain files of existing installs.

``texts`` makes documents of a text, whatever is around the YAML; ``forms`` recognises what a document is and where
Flyte's sections hang in it; ``charts`` knows what Flyte's charts make of their values.
"""
