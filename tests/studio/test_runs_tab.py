from types import SimpleNamespace

import pytest

from backend.errors import JobError
from backend.jobs.model import JobState
from studio.tabs.home import Handlers as HomeHandlers
from studio.tabs.runs import Handlers
from studio.text import Words
from tests.fakes import FakeServices, job


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    states = {
        "queued": JobState.QUEUED,
        "running": JobState.RUNNING,
        "stopped": JobState.STOPPED,
        "done": JobState.DONE,
    }
    for number, (name, state) in enumerate(states.items(), start=1):
        services.jobs[name] = job(number, name, state)
    return Handlers(services, Words("en"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "stop", "discard", "resume"),
    [("queued", True, False, False), ("running", True, True, False), ("stopped", False, False, True),
     ("done", False, False, False)],
)  # fmt: skip
def test_only_what_can_be_done_with_a_run_is_offered(
    handlers: Handlers, run: str, stop: bool, discard: bool, resume: bool
) -> None:
    buttons = handlers.buttons(run)
    assert [buttons.stop["visible"], buttons.discard["visible"], buttons.resume["visible"]] == [stop, discard, resume]
    assert buttons.more["visible"] is True
    assert buttons.name == run


def test_a_queued_run_is_taken_out_rather_than_stopped(handlers: Handlers) -> None:
    assert handlers.buttons("queued").stop["value"] == "Take out of the queue"
    assert handlers.buttons("running").stop["value"] == "Stop and save"


def test_stopping_keeps_or_leaves_what_was_learned_and_is_asked_once(
    handlers: Handlers, services: FakeServices
) -> None:
    assert handlers.stop("running").stop["visible"] is False
    handlers.discard("running")
    assert services.asked == [("stop", ("running", True)), ("stop", ("running", False))]


def test_a_stopped_run_goes_on(handlers: Handlers, services: FakeServices) -> None:
    handlers.resume("stopped")
    assert services.jobs["stopped"].state is JobState.QUEUED


def test_a_name_is_checked_when_it_is_changed(handlers: Handlers, services: FakeServices) -> None:
    assert handlers.rename("done", "mai bun") == "mai bun"
    with pytest.raises(JobError):
        handlers.rename("done", "<b>")
    assert services.jobs["done"].name == "mai bun"


def test_deleting_takes_two_presses_and_then_nothing_is_chosen(handlers: Handlers, services: FakeServices) -> None:
    first, now, keep = handlers.ask()
    assert (first["visible"], now["visible"], keep["visible"]) == (False, True, True)
    assert [one["visible"] for one in handlers.ask_no_more()] == [True, False, False]
    assert handlers.delete("done").run is None
    assert "done" not in services.jobs


def test_a_run_that_is_not_there_offers_nothing(handlers: Handlers) -> None:
    for name in ("", "../../etc", "somebody-elses"):
        buttons = handlers.chosen(SimpleNamespace(id=name))  # type: ignore[arg-type]
        assert buttons.run is None
        assert buttons.more["visible"] is False


def test_home_says_how_long_the_first_adapter_takes_here_and_warms_a_worker(services: FakeServices) -> None:
    label = HomeHandlers(services, Words("it")).opened()  # type: ignore[arg-type]
    assert label == "Addestra il tuo primo adattatore (circa 1 min 40 s su questo computer)"
    assert services.asked == [("page_opened", None)]
