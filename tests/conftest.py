"""What all tests share: the cluster fixtures, the marker `needs`, and how hypothesis runs."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tools.controlplane.pytest_plugin"]

# What these two measure is the machine: no test depends on wall time. The first draw of a text in a fresh clone alone
# takes a second, because hypothesis works out its tables then.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")
