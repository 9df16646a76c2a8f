"""What the environment decides."""

import pytest

from backend.errors import SetupError
from backend.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.read({}) == Settings.read({"STUDIO_DATABASE_URL": "", "STUDIO_MAX_LOSSES": ""}) == Settings()


def test_what_is_set_is_taken() -> None:
    found = Settings.read({"STUDIO_DISK_FLOOR_BYTES": "1e9", "STUDIO_MAX_LOSSES": "5", "STUDIO_STALL_SECONDS": "90"})
    assert (found.disk_floor, found.losses, found.stall) == (10**9, 5, 90.0)


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(SetupError, match='STUDIO_MAX_LOSSES is "three", which is not a number'):
        Settings.read({"STUDIO_MAX_LOSSES": "three"})
