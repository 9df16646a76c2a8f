from dataclasses import replace

import pytest

from backend.hardware import Gpu
from backend.jobs.model import JobState
from studio.tabs.home import Handlers
from studio.text import Words
from studio.views.home import last_run, machine_card
from tests.fakes import FakeServices, job, machine


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    return Handlers(services, Words("it"))


def made(services: FakeServices, *jobs: object) -> None:
    services.jobs = {one.id: one for one in jobs}


def test_home_says_how_long_the_first_adapter_takes_here_and_warms_a_worker(
    handlers: Handlers, services: FakeServices
) -> None:
    news = handlers.opened()
    assert "(circa 1 min 40 s, una previsione approssimativa)" in news.first["value"]
    assert (news.where, news.again["visible"], news.last) == ("train", False, "")
    assert services.asked == [("page_opened", None)]
    assert "Scegli" in news.story
    assert handlers.news().first == news.first
    assert services.asked == [("page_opened", None)]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.STARTING, JobState.QUEUED])
def test_what_runs_or_waits_is_the_first_thing_to_look_at(
    handlers: Handlers, services: FakeServices, state: JobState
) -> None:
    made(services, job(1, "vecchia"), job(2, "nuova", state))
    news = handlers.news()
    assert (news.first["value"], news.where) == ("Guarda come impara «nuova»", "runs run2")
    assert news.again["visible"] is True


def test_after_the_first_adapter_the_offer_is_to_talk_with_it(handlers: Handlers, services: FakeServices) -> None:
    made(services, replace(job(1, "prima"), ended_at=5.0))
    news = handlers.news()
    assert (news.first["value"], news.where) == ("Parla con «prima»", "chat run1")
    assert (news.talk["visible"], news.look["visible"], news.last) == (True, True, "run1")
    assert "prima" in news.story
    assert "completata" in news.story


def test_a_failed_first_run_still_offers_the_first_adapter_and_says_what_happened(
    handlers: Handlers, services: FakeServices
) -> None:
    failed = replace(job(1, "<img src=x onerror=alert(1)>", JobState.FAILED), ended_at=5.0, reason_key="jobs.no_room",
                     reason_values={"error": "<b>"})  # fmt: skip
    assert services.chats.adapters() == []  # of the runs there were; this one leaves nothing to talk with
    made(services, failed)
    news = handlers.news()
    assert news.where == "train"
    assert news.talk["visible"] is False
    assert "<img" not in news.story
    assert "<b>&lt;img" in news.story
    assert "fallita" in news.story
    assert "riprendere" in news.story


def test_the_run_that_ended_last_is_told_not_the_one_made_last() -> None:
    said = last_run(replace(job(1, "una", JobState.STOPPED), ended_at=1.0), Words("en"), made=False)
    assert "It can go on" in said
    assert "ready" not in said
    assert "ready" in last_run(job(2, "due"), Words("en"), made=True)


def test_this_computer_is_described_with_what_is_free() -> None:
    said = machine_card(machine(), Words("en"))
    assert "Some CPU, 2 cores" in said
    assert "21 GB free of 24 GB" in said
    assert "500 GB free of 1 TB" in said
    assert "none: the processor trains" in said
    card = Gpu(index=0, name="NVIDIA H200", memory_bytes=139 * 10**9, free_bytes=100 * 10**9)
    assert "H200, 100 GB free of 139 GB" in machine_card(replace(machine(), gpus=(card,)), Words("en"))


def test_what_models_saw_of_pictures_is_told_and_let_go(handlers: Handlers, services: FakeServices) -> None:
    assert handlers.news().forget["visible"] is False
    services.seen = 12_000_000
    news = handlers.news()
    assert "12 MB conservati" in news.machine
    assert news.forget["visible"] is True
    news = handlers.forget()
    assert (news.forget["visible"], "conservati" in news.machine) == (False, False)
