"""What all tests share: the cluster fixtures and the marker `needs`."""

pytest_plugins = ["tools.controlplane.pytest_plugin"]
