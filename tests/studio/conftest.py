"""The page on fakes."""

from pathlib import Path

import pytest

from studio.text import Words
from tests.fakes import FakeServices


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    return FakeServices(tmp_path)


@pytest.fixture
def words() -> Words:
    return Words("en")
