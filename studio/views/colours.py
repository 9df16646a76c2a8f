"""One colour for each run, the same beside an answer and in a chart; the base model has none, it is grey."""

from collections.abc import Iterable, Sequence

# --run-1 to --run-8 in assets/charts.css.
MOST = 8


def of_runs(shown: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    """The colour, 1 to 8, of each run that is shown; `known` are all runs, oldest first.

    A run has the colour of its place among all runs, whatever it is shown with and in whatever order. Only where two
    of one view would have the same, the newer one takes the next that is free; so does a run that is not known any
    more. The colours of one view are all different as long as there are no more than eight.
    """
    places = {run: place for place, run in enumerate(known)}
    found: dict[str, int] = {}
    for run in sorted(dict.fromkeys(shown), key=lambda run: places.get(run, len(places))):
        wanted = places.get(run, 0) % MOST
        turns = [(wanted + step) % MOST + 1 for step in range(MOST)]
        found[run] = next((colour for colour in turns if colour not in found.values()), turns[0])
    return found
