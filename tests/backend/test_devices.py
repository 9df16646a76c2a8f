"""What is busy while a job has its device."""

import pytest

from backend import devices


@pytest.mark.parametrize(
    ("device", "parts"),
    [("cpu", {"cpu"}), ("hub", {"hub"}), ("gpu:3", {"gpu:3"}), ("gpu:0,12", {"gpu:0", "gpu:12"})],
)
def test_several_cards_are_busy_one_by_one(device: str, parts: set[str]) -> None:
    assert devices.parts(device) == parts
    assert devices.count(device) == len(parts)


def test_jobs_run_side_by_side_only_where_they_share_no_card() -> None:
    assert devices.together([3, 1]) == "gpu:1,3"
    assert not devices.apart("gpu:1,3", "gpu:3")
    assert devices.apart("gpu:1", "gpu:12")
    assert devices.apart("cpu", "gpu:0")
