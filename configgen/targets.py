"""The forms of output that there are, apart from the code that makes them so that naming them costs nothing."""

from typing import Final

TARGETS: Final = ("kustomize", "helm", "configmap")
