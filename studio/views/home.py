"""What Home says: what this is, where to go, what was last, what this computer is."""

from collections.abc import Iterable

from backend.hardware import Machine
from backend.jobs.model import Job, JobState
from studio.text import Words
from studio.views.html import SafeHtml, element, join


def greeting(words: Words) -> SafeHtml:
    """One sentence on what the studio is."""
    return element(
        "section",
        element("h1", words.t("home.title")),
        element("p", words.t("home.sentence"), class_="lead"),
        class_="greeting",
    )


def doors(words: Words) -> SafeHtml:
    """The places to go to; assets/home.js opens the tab that is named."""
    made = [
        element(
            "button",
            element("b", words.t(f"home.{name}")),
            element("span", words.t(f"home.{name}.text")),
            type="button",
            class_="door",
            data_open=name,
        )
        for name in ("models", "train", "chat")
    ]
    return element("nav", join(made), class_="doors", aria_label=words.t("home.doors"))


def steps(words: Words) -> SafeHtml:
    """What will happen, for somebody who has not trained anything yet."""
    said = [element("li", element("b", words.t(f"home.step{n}")), words.t(f"home.step{n}.text")) for n in (1, 2, 3)]
    return element("ol", join(said), class_="steps")


def last_run(job: Job, words: Words, *, made: bool) -> SafeHtml:
    """The run that ended last: how it ended, and what comes next; `made`: it left something to chat with."""
    next_key = "home.done" if made and job.state is JobState.DONE else "home.go_on" if job.resumable else None
    reason = words.said(job.reason_key, job.reason_values)
    return element(
        "div",
        element("h2", words.t("home.last")),
        element(
            "p",
            element("b", job.name),
            " ",
            element("span", words.t(f"state.{job.state.value}"), class_=f"state {job.state.value}"),
            class_="last-name",
        ),
        element("p", words.t("home.ended", when=words.moment(job.ended_at)), class_="detail") if job.ended_at else None,
        element("p", reason, class_="reason") if reason and job.state is not JobState.DONE else None,
        element("p", words.t(next_key)) if next_key else None,
        class_="last",
    )


def machine_card(machine: Machine, words: Words, seen: int = 0) -> SafeHtml:
    """Processor, memory, disk and graphics cards, with what is free of them now; `seen`: bytes of the disk that hold
    what models saw of pictures.
    """
    rows = [
        (words.t("home.processor"), words.count("home.cores", machine.cores, name=machine.cpu_name)),
        (words.t("home.memory"), free_of(machine.memory_free_bytes, machine.memory_bytes, words)),
        (words.t("home.disk"), free_of(machine.disk_free_bytes, machine.disk_bytes, words)),
        (words.t("home.gpu"), ", ".join(cards(machine, words)) or words.t("home.gpu.none")),
    ]
    rows += [(words.t("home.seen"), words.t("home.seen.kept", size=words.size(seen)))] if seen else []
    return element(
        "section",
        element("h2", words.t("home.machine")),
        element("dl", join(element("div", element("dt", name), element("dd", said)) for name, said in rows)),
        class_="machine",
    )


def cards(machine: Machine, words: Words) -> Iterable[str]:
    for gpu in machine.gpus:
        free, total = words.size(gpu.free_bytes), words.size(gpu.memory_bytes)
        yield words.t("home.gpu.named", name=gpu.name.removeprefix("NVIDIA "), free=free, total=total)


def free_of(free: int, total: int, words: Words) -> str:
    return words.t("home.free", free=words.size(free), total=words.size(total))
