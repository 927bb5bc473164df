"""The forms of output that there are, apart from the code that makes them so that naming them costs nothing."""

from typing import Final

OWN_TARGETS: Final = ("kustomize", "helm", "configmap")
"""What installs our controller; written where nobody names targets."""
FLYTE_TARGETS: Final = ("flyte-core", "flyte-binary", "flyte2")
"""Values for Flyte's own charts: flyte-core and flyte-binary of Flyte 1, flyte-binary of Flyte 2."""
TARGETS: Final = (*OWN_TARGETS, *FLYTE_TARGETS)
