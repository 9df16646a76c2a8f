"""One colour for each run, in charts and beside answers."""

from itertools import combinations

from studio.views.colours import of_runs

KNOWN = [f"run{number}" for number in range(12)]


def test_a_run_has_the_same_colour_whatever_it_is_shown_with_and_in_whatever_order() -> None:
    alone = {run: of_runs([run], KNOWN)[run] for run in KNOWN[:8]}
    for three in combinations(KNOWN[:8], 3):
        assert of_runs(three, KNOWN) == of_runs(reversed(three), KNOWN) == {run: alone[run] for run in three}


def test_a_new_run_changes_nobodys_colour() -> None:
    assert of_runs(KNOWN[:8], KNOWN) == of_runs(KNOWN[:8], [*KNOWN, "newer"])


def test_colours_of_one_view_are_different_also_of_runs_whose_turn_is_the_same() -> None:
    assert of_runs([KNOWN[8], KNOWN[0]], KNOWN) == {KNOWN[0]: 1, KNOWN[8]: 2}
    for eight in (KNOWN[2:10], KNOWN[4:], [*KNOWN[:7], "gone"], ["gone", *KNOWN[5:]]):
        assert sorted(of_runs(eight, KNOWN).values()) == list(range(1, 9))


def test_more_runs_than_colours_still_have_one_each() -> None:
    assert set(of_runs(KNOWN, KNOWN)) == set(KNOWN)
