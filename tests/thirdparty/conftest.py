from __future__ import annotations

from pathlib import Path

import pytest

from tests.thirdparty.packages import install_sample


@pytest.fixture(scope="session")
def installed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the sample package is installed."""
    return install_sample(tmp_path_factory.mktemp("sample"))
