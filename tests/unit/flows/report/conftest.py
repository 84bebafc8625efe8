from pathlib import Path

import pytest

from tests.fixtures.fake_results import Fake, fake_results


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """30 hands of two sources; see `fake_results`. Tests must not write into its folder."""
    folder: Path = tmp_path_factory.mktemp("results")
    return fake_results(folder)
