"""The chat as a person uses it, with the real engine and the starter: every control is pressed once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect
from safetensors.numpy import save_file
from sqlalchemy import update

from backend.chats.model import Answer, Choices, Conversation, Turn
from backend.ledger.schema import jobs as job_rows
from backend.models import imports
from backend.paths import SHIPPED_MODELS
from studio.services.door import Services
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PROBE = "<img src=x onerror=window.PWN=1><script>window.PWN=2</script> [x](javascript:window.PWN=3)"


def adapter(folder: Path, size: float) -> Path:
    """An adapter for the starter's queries, by chance; with `size` 0 it says what the base model says."""
    folder.mkdir(parents=True)
    facts = json.loads((SHIPPED_MODELS / "starter" / "config.json").read_text(encoding="utf-8"))
    chance, width, rank = np.random.default_rng(1), facts["hidden_size"], 4
    tensors = {}
    for layer in range(facts["num_hidden_layers"]):
        head = f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_"
        tensors[f"{head}A.weight"] = chance.normal(0, 1, (rank, width)).astype(np.float32)
        tensors[f"{head}B.weight"] = chance.normal(0, size, (width, rank)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "lora_dropout": 0.0,
              "bias": "none", "base_model_name_or_path": "starter", "target_modules": ["q_proj"]}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def services(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Two adapters of one's own; the newest changes nothing."""
    made = Services.at(studio.workspace)
    root = tmp_path_factory.mktemp("adapters")
    for name, size in (("prima", 1.0), ("a doua", 0.0)):
        imports.from_folder(made.person, made.jobs, str(adapter(root / name, size)), name)
    return made


@pytest.fixture(scope="module")
def watch(studio: Studio) -> Watch:
    return Watch(studio.address)


@pytest.fixture(scope="module")
def page(studio: Studio, browser: Browser, watch: Watch, services: Services) -> Iterator[Page]:
    context = signed_in(browser, studio, locale="ro-RO")
    shown = watch.over(context.new_page())
    opened(shown, f"{studio.address}/ro/")
    tab(shown, "chat")
    expect(shown.locator(".idea").first).to_be_visible()
    yield shown
    assert watch.broken == []
    assert watch.outside == []
    assert shown.evaluate("Object.keys(window).filter((name) => name.startsWith('PWN'))") == []
    context.close()


def sends(page: Page, question: str) -> None:
    """Whatever comes of it: it may be refused."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")


def ask(page: Page, question: str) -> None:
    """Sent, taken and shown: from here on the last turn is this one."""
    before = page.locator(".turn").count()
    sends(page, question)
    taken(page, question, before + 1)


def taken(page: Page, question: str, turns: int) -> None:
    expect(page.locator(".turn")).to_have_count(turns)
    expect(page.locator(".turn").last.locator(".asked .words")).to_have_text(question)
    expect(page.locator("#question textarea")).to_have_value("")


def answered(page: Page, panes: int) -> None:
    """All answers of the last question are there, and may be worked with."""
    last = page.locator(".turn").last.locator(".reply")
    expect(last).to_have_count(panes)
    for number in range(panes):
        expect(last.nth(number)).to_have_attribute("data-state", re.compile("done|stopped|failed"), timeout=LONG)
    expect(last.first.get_by_text("Copiază")).to_be_visible()
    still(page)


def unfinished(services: Services) -> bool:
    """Whether the ledger has a part of one of the newest answers."""
    chats = services.chats.desk.chats
    newest = chats.get(services.person, chats.lines(services.person)[0].id)
    return any(one.text and one.state in ("writing", "interrupted") for one in newest.turns[-1].answers)


# Kept by the page itself when a button says it, however short that is.
SEEN = """(word) => {
  const says = () => [...document.querySelectorAll("button")].some((one) => one.textContent === word);
  const look = (told) => new MutationObserver(() => says() && told(true));
  window.seen = new Promise((told) => look(told).observe(document.body, { subtree: true, childList: true }));
}"""


def press(page: Page, name: str, place: str = ".turn >> nth=-1") -> None:
    page.locator(place).get_by_role("button", name=name, exact=True).first.click()


def test_a_suggested_question_is_answered_by_base_and_newest_adapter(page: Page) -> None:
    expect(page.locator("#chat-adapters")).to_contain_text("a doua")
    page.get_by_role("button", name="Italiano").click()
    expect(page.locator(".idea").first).to_have_text("Qual è la capitale della Bulgaria?")
    page.get_by_role("button", name="Română").click()
    page.get_by_role("button", name="Câte picioare are pinguinul?").click()
    answered(page, 2)
    base, adapter = page.locator(".reply.pane-0"), page.locator(".reply.pane-1")
    expect(base.locator("h3")).to_have_text("Model de început, 2 milioane")
    expect(adapter.locator("h3")).to_have_text("a doua")
    same = base.locator(".words").first.inner_text()
    expect(adapter.locator(".words").first).to_have_text(same)
    expect(adapter.locator(".detail")).to_contain_text(
        re.compile(r"tokeni(/s)? · primul cuvânt după .* s · context \d+ din 1\.024")
    )
    expect(page.locator("[aria-live=polite].unseen")).to_contain_text(f"a doua: {same}")
    expect(page.locator("#chat-list li button")).to_have_count(1)


def test_enter_sends_shift_enter_does_not_and_a_draft_survives_a_reload(page: Page, studio: Studio) -> None:
    field = page.locator("#question textarea")
    field.press_sequentially("Unu")
    field.press("Shift+Enter")
    field.press_sequentially("Doi")
    expect(field).to_have_value("Unu\nDoi")
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    expect(page.locator("#question textarea")).to_have_value("Unu\nDoi")
    expect(page.locator(".turn")).to_have_count(1)
    page.locator("#question textarea").press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator("#question textarea")).to_have_value("")
    answered(page, 2)


def test_a_setting_that_cannot_be_is_said_at_its_field_and_the_question_stays(page: Page) -> None:
    page.locator("#chat-settings > button, #chat-settings .label-wrap").first.click()
    temperature = page.locator("#chat-temperature input, #chat-temperature textarea")
    expect(page.locator("#chat-temperature-note")).to_contain_text("Temperatura 0 înseamnă")
    expect(page.get_by_text("prea mic ca să urmeze instrucțiuni")).to_be_visible()
    temperature.fill("3")
    expect(page.locator("#chat-temperature-fault")).to_contain_text("de la 0 la 2")
    sends(page, "Cât fac trei plus trei?")
    expect(page.locator("#chat-said")).to_contain_text("de la 0 la 2")
    expect(page.locator("#question textarea")).to_have_value("Cât fac trei plus trei?")
    expect(temperature).to_have_value("3")
    temperature.fill("0,1")
    expect(page.locator("#chat-temperature-fault")).to_have_count(0)
    page.locator("#chat-seed input, #chat-seed textarea").fill("7")
    page.locator("#question .send").click()
    taken(page, "Cât fac trei plus trei?", 3)
    answered(page, 2)
    expect(page.locator("#chat-said")).to_be_empty()


def test_a_preset_fills_the_system_prompt(page: Page) -> None:
    page.locator("#chat-settings").get_by_label("Începe cu").click()
    page.get_by_role("option", name="Română: Profesor").click()
    expect(page.locator("#chat-system textarea")).to_have_value(re.compile("profesor răbdător"))
    page.locator("#chat-system textarea").fill(f"Scurt. {PROBE}")


def test_one_to_three_adapters_stand_beside_the_base(page: Page) -> None:
    page.locator("#chat-new").click()
    expect(page.locator(".turn")).to_have_count(0)
    still(page)
    page.locator("#chat-adapters input").click()
    page.get_by_role("option", name="prima").click()
    page.keyboard.press("Escape")
    expect(page.locator("#chat-adapters")).to_contain_text("prima")
    still(page)
    ask(page, f"Salut {PROBE}")
    answered(page, 3)
    expect(page.locator(".asked .words").last).to_have_text(f"Salut {PROBE}")
    expect(page.locator("#chat-list li b").first).to_contain_text("Salut <img")
    colours = [
        page.locator(f".reply.pane-{number} .dot").evaluate("dot => getComputedStyle(dot).backgroundColor")
        for number in range(3)
    ]
    assert len(set(colours)) == 3


def test_answers_are_compared_without_their_names_until_one_is_chosen(page: Page) -> None:
    blind = page.locator("[data-key=blind]")
    blind.click()
    expect(blind).to_have_attribute("aria-pressed", "true")
    ask(page, "Câte picioare are pisica?")
    last = page.locator(".turn").last
    expect(last.locator(".blind")).to_be_visible(timeout=LONG)
    expect(last.locator("h3")).to_have_text(["Răspunsul A", "Răspunsul B", "Răspunsul C"])
    expect(last.locator(".reply .tools")).to_have_count(0)
    last.locator(".blind").get_by_role("button", name="Răspunsul B").click()
    expect(last.locator(".blind")).to_contain_text("Ai preferat")
    expect(last.locator(".blind")).to_contain_text("Până acum")
    expect(last.locator("h3").filter(has_text="prima")).to_have_count(1)
    last.locator(".blind").get_by_role("button", name="Numără de la zero").click()
    last.locator(".blind").get_by_role("button", name="Uită ce s-a numărat").click()
    expect(last.locator(".blind")).not_to_contain_text("Până acum")
    blind.click()
    expect(blind).to_have_attribute("aria-pressed", "false")


def test_esc_stops_all_answers_and_keeps_what_was_said(page: Page) -> None:
    page.locator("#chat-temperature input, #chat-temperature textarea").fill("2")
    page.locator("#chat-max_tokens input, #chat-max_tokens textarea").fill("900")
    ask(page, "Spune tot.")
    expect(page.locator(".reply[data-state=writing]").first).to_be_visible(timeout=LONG)
    expect(page.locator("#question .stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".turn").last.get_by_text("Oprit aici de tine.").first).to_be_visible()
    expect(page.locator("#question .send")).to_be_visible()
    said = page.locator(".turn").last.locator(".reply .words").first.inner_text()
    page.wait_for_timeout(500)
    assert page.locator(".turn").last.locator(".reply .words").first.inner_text() == said


def test_the_stop_button_stops_too(page: Page) -> None:
    ask(page, "Și mai mult.")
    page.locator("#question .stop").click()
    expect(page.locator("#question .send")).to_be_visible()
    page.locator("#chat-temperature input, #chat-temperature textarea").fill("1")
    page.locator("#chat-max_tokens input, #chat-max_tokens textarea").fill("40")


def test_an_answer_is_written_again_and_the_earlier_one_put_back(page: Page) -> None:
    ask(page, "Ce culoare are marea?")
    answered(page, 3)
    before = page.locator(".turn").last.locator(".reply.pane-0 .words").first.inner_text()
    press(page, "Răspunde din nou")
    expect(page.locator(".turn").last.locator(".versions")).to_contain_text("2/2", timeout=LONG)
    answered(page, 3)
    press(page, "Răspunsul anterior")
    expect(page.locator(".turn").last.locator(".versions")).to_contain_text("1/2")
    expect(page.locator(".turn").last.locator(".reply.pane-0 .words").first).to_have_text(before)
    press(page, "Răspunsul următor")
    expect(page.locator(".turn").last.locator(".versions")).to_contain_text("2/2")


def test_an_edited_question_goes_on_from_there_and_the_old_conversation_is_kept(page: Page) -> None:
    before = page.locator("#chat-list li button").count()
    turns = page.locator(".turn").count()
    press(page, "Editează", ".turn >> nth=1")
    expect(page.get_by_text("Așa cum a fost până acum, rămâne în listă.")).to_be_visible()
    page.locator("[data-key=edit-field]").fill("Care este capitala Bulgariei?")
    press(page, "Pune întrebarea aceasta", ".chat-scroll")
    taken(page, "Care este capitala Bulgariei?", 2)
    assert turns > 2
    answered(page, 3)
    expect(page.locator("#chat-list li button")).to_have_count(before + 1)


def test_thumbs_and_a_correction_are_kept(page: Page, studio: Studio) -> None:
    last = page.locator(".turn").last
    press(page, "Bun")
    expect(last.get_by_role("button", name="Bun", exact=True).first).to_have_attribute("aria-pressed", "true")
    press(page, "Nu e bun", ".turn >> nth=-1 >> .reply.pane-1")
    bad = last.locator(".reply.pane-1").get_by_role("button", name="Nu e bun", exact=True)
    expect(bad).to_have_attribute("aria-pressed", "true")
    still(page)
    press(page, "Corectează…", ".turn >> nth=-1 >> .reply.pane-1")
    page.locator("[data-key=correct-field]").fill(f"Sofia {PROBE}")
    press(page, "Salvează", ".correcting")
    expect(page.locator(".corrected .words")).to_have_text(f"Sofia {PROBE}")
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    expect(page.locator(".corrected .words")).to_have_text(f"Sofia {PROBE}")
    still(page)
    page.get_by_text("Răspunsuri evaluate: 2").click()
    expect(page.locator(".judged .words").first).to_have_text(f"Sofia {PROBE}")
    expect(page.locator("[data-key=make-pairs]")).to_have_text("Fă perechi (1)")
    page.get_by_role("button", name="Fă exemple (2)").click()
    expect(page.locator(".judged-box .field-fault")).to_contain_text("10")
    with page.expect_download() as got:
        page.locator(".makers li").first.get_by_role("link", name="JSONL").click()
    rows = [json.loads(row) for row in Path(got.value.path()).read_text(encoding="utf-8").splitlines()]
    assert {"role": "assistant", "content": f"Sofia {PROBE}"} in [row["messages"][-1] for row in rows]
    for left in (1, 0):
        page.get_by_role("button", name="Elimină", exact=True).first.click()
        expect(page.locator(".judged li")).to_have_count(left)
    expect(page.locator(".judged-box")).to_be_hidden()
    expect(page.locator(".corrected .words")).to_have_count(0)
    still(page)


def judged(services: Services, count: int) -> list[str]:
    """Chats in which one answer was put right, and one liked; their ids."""
    made = []
    for number in range(count):
        choices = Choices(base="starter", adapters=("gone",))
        said = [Answer(model=name, label=name, text=f"{name} {number}", state="done") for name in choices.models]
        turn = Turn(question=f"Cât fac {number} plus unu?", choices=choices, answers=tuple(said))
        chats = services.chats.desk.chats
        chat = chats.add(services.person, Conversation(title=f"Suma {number}", choices=choices, turns=(turn,))).id
        services.chats.correct(chat, said[0].id, f"Fac {number + 1}.")
        services.chats.thumb(chat, said[1].id, up=True)
        made.append(chat)
    return made


def test_what_was_judged_becomes_examples_or_pairs_in_two_clicks(
    page: Page, services: Services, studio: Studio
) -> None:
    made = judged(services, 10)
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    page.get_by_text("Răspunsuri evaluate: 20").click()
    page.get_by_role("button", name="Fă perechi (10)").click()
    expect(page.locator(".judged-box [role=status]")).to_contain_text("„Perechi din conversații” are 10 perechi.")
    page.get_by_role("button", name="Fă exemple (20)").click()
    expect(page.locator(".judged-box [role=status]")).to_contain_text("„Exemple din conversații” are 20 de exemple.")
    page.locator("[data-key=open-data]").click()
    expect(page.locator("#tab-data-button")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Exemple din conversații")).to_be_visible()
    assert [one.dataset.shape for one in services.my_data.sets()][-2:] == ["preference", "chat"]
    for chat in made:
        for answer in services.chats.one(chat).turns[0].answers:
            services.chats.drop(answer.id)
        services.chats.delete(chat)
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.locator(".judged-box")).to_be_hidden()


def test_an_answer_is_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(SEEN, "Copiat")
    press(page, "Copiază", ".turn >> nth=-1")
    assert page.evaluate("window.seen")
    words = page.locator(".turn").last.locator(".reply.pane-0 .words").first.text_content()
    assert page.evaluate("navigator.clipboard.readText()") == words
    page.context.clear_permissions()


def test_a_conversation_is_renamed_found_exported_seen_elsewhere_and_deleted(
    page: Page, browser: Browser, studio: Studio
) -> None:
    press(page, "Redenumește", ".chat-bar")
    page.locator("#chat-name").fill("   ")
    page.locator("#chat-name").press("Enter")
    expect(page.locator(".renaming .field-fault")).to_contain_text("de la 1 la 100 de caractere")
    page.locator("#chat-name").fill(f"Numită {PROBE[:40]}")
    page.locator("#chat-name").press("Enter")
    expect(page.locator(".chat-bar h2")).to_have_text(f"Numită {PROBE[:40]}")
    still(page)
    page.get_by_label("Caută în titluri și texte").fill("numita")
    expect(page.locator("#chat-list li button")).to_have_count(1)
    for kind, inside in (
        ("Markdown", "## Care este capitala Bulgariei?"),
        ("JSON", '"turns"'),
        ("JSONL pentru antrenare", '"messages"'),
    ):
        page.locator(".menu summary").click()
        with page.expect_download() as got:
            page.locator(".menu").get_by_role("link", name=kind, exact=True).click()
        assert inside in Path(got.value.path()).read_text(encoding="utf-8")
        page.locator(".menu summary").click()
    elsewhere = signed_in(browser, studio).new_page()
    opened(elsewhere, f"{studio.address}/it/")
    tab(elsewhere, "chat")
    elsewhere.locator("#chat-list li button").filter(has_text="Numită").click()
    expect(elsewhere.locator(".turn")).to_have_count(2)
    elsewhere.context.close()
    press(page, "Șterge…", ".chat-bar")
    press(page, "Nu șterge", ".chat-bar")
    press(page, "Șterge…", ".chat-bar")
    press(page, "Șterge definitiv; răspunsurile corectate rămân", ".chat-bar")
    expect(page.locator(".chat-bar h2")).to_have_text("Conversație nouă")
    expect(page.get_by_text("Nimic găsit.")).to_be_visible()
    page.get_by_label("Caută în titluri și texte").fill("")
    expect(page.locator("#chat-list li button").first).to_be_visible()


def is_held_while_it_answers(page: Page, studio: Studio, services: Services) -> psutil.Process:
    """The engine, held with a part of an answer in the ledger: at so high a temperature many end after a few words."""
    children = psutil.Process(studio.processes["supervisor"].pid).children(recursive=True)
    engine = next(one for one in children if "backend.inference.run" in one.cmdline())
    for _ in range(10):
        ask(page, "Povestește.")
        expect(page.locator(".reply .words").first).not_to_be_empty(timeout=LONG)
        engine.suspend()
        page.wait_for_timeout(1200)  # what comes a second after the last time is kept at once
        engine.resume()
        page.wait_for_timeout(50)
        engine.suspend()
        page.wait_for_timeout(500)
        if unfinished(services):
            return engine
        engine.resume()
        expect(page.locator("#question .send")).to_be_visible(timeout=LONG)
        page.locator("#chat-new").click()
        expect(page.locator(".turn")).to_have_count(0)
    raise AssertionError("no answer was long enough")


def test_a_studio_that_dies_while_it_is_answered_keeps_what_was_said(
    page: Page, studio: Studio, services: Services
) -> None:
    page.locator("#chat-settings > button, #chat-settings .label-wrap").first.click()
    page.locator("#chat-temperature input, #chat-temperature textarea").fill("2")
    page.locator("#chat-max_tokens input, #chat-max_tokens textarea").fill("1000")
    engine = is_held_while_it_answers(page, studio, services)
    studio.kill_page()
    engine.resume()
    page.locator("#question textarea").fill("Nu te pierde")
    page.locator("#question .send, #question .stop").locator("visible=true").first.click()
    studio.start_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator("#question textarea")).to_have_value("Nu te pierde")
    cut = page.locator(".reply[data-state=interrupted]")
    expect(cut.first.locator(".said")).to_contain_text("Ce s-a spus până atunci este păstrat")
    expect(cut.locator(".words:not(:empty)").first).to_be_visible()
    cut.first.get_by_role("button", name="Încearcă din nou").click()
    expect(page.locator("#question .stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#question .send")).to_be_visible()
    page.locator("#question textarea").fill("")


def test_what_a_model_or_a_run_name_says_is_never_markup(page: Page, services: Services, studio: Studio) -> None:
    """A name that the page would refuse, an answer that no model of ours writes: put into the ledger by hand."""
    ledger = services.jobs.ledger
    run = services.jobs.find(services.person, "prima").id
    with ledger.write() as rows:
        rows.execute(update(job_rows).where(job_rows.c.id == run).values(name=PROBE))
    said = Answer(model=f"run:{run}", label=PROBE, text=f"{PROBE}\n<b>fett</b>", state="done")
    base = Answer(
        model="gone",
        label=PROBE,
        state="failed",
        error="chat.engine_said",
        error_values={"url": PROBE, "message": PROBE},
    )
    choices = Choices(base="starter", adapters=(f"run:{run}",), system=PROBE)
    turn = Turn(question=PROBE, choices=choices, answers=(base, said))
    made = services.chats.desk.chats.add(services.person, Conversation(title=PROBE, choices=choices, turns=(turn,)))
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    page.locator("#chat-list li button").filter(has_text="<img src=x").first.click()
    expect(page.locator(".reply.pane-1 .words").first).to_have_text(f"{PROBE}\n<b>fett</b>")
    expect(page.locator(".reply.pane-0 .said")).to_contain_text("<script>")
    expect(page.locator(".chat-bar h2")).to_have_text(PROBE)
    expect(page.locator(".reply h3").last).to_have_text(PROBE)
    expect(page.locator("#chat-adapters")).to_contain_text("<img src=x")
    assert (
        page.locator(".chat-scroll img, .chat-scroll script, .chat-scroll a, .chat-scroll b, #chat-list img").count()
        == 0
    )
    services.chats.delete(made.id)


def test_rehearsed_questions_are_asked_with_a_key_before_a_room_and_shown_again_as_recorded(page: Page) -> None:
    page.locator("#chat-new").click()
    ask(page, "Câte picioare are câinele?")
    answered(page, len(page.locator(".turn .reply").all()))
    recorded = page.locator(".reply.pane-0 .words").inner_text()
    press(page, "Pune pe o tastă", ".asked")
    expect(page.locator("[data-key=stage-0]")).to_have_attribute("aria-pressed", "true")
    press(page, "Prezintă", ".chat-bar")
    for hidden in ("#chat-list", "#tab-chat-button", "#chat-base", ".asked .quiet"):
        expect(page.locator(hidden).first).to_be_hidden()
    page.keyboard.press("0")
    expect(page.locator(".stage .idea")).to_have_count(1)
    expect(page.locator(".stage .idea")).to_contain_text("Câte picioare are câinele?")
    page.keyboard.press("1")
    expect(page.locator(".reply[data-state=done]").first).to_be_visible(timeout=LONG)
    still(page)
    page.keyboard.press("s")
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".turn").last.locator(".said").first).to_contain_text("Înregistrat pe")
    expect(page.locator(".turn").last.locator(".reply.pane-0 .words")).to_have_text(recorded)
    page.locator("#question textarea").press("1")
    expect(page.locator("#question textarea")).to_have_value("1")
    page.locator("#question textarea").fill("")
    page.keyboard.press("Escape")
    expect(page.locator("#chat-list")).to_be_visible()
    page.locator("#chat-new").click()


def test_unloading_says_how_much_memory_is_free_again(page: Page) -> None:
    expect(page.locator(".memory")).to_contain_text("În memorie: Model de început")
    while True:
        with page.expect_response(re.compile("/chat/unload")) as told:
            page.locator("#unload").click()
        if told.value.ok:
            break
        page.wait_for_timeout(300)  # the engine refuses while it lets go of what was stopped
    expect(page.locator(".memory")).to_contain_text(re.compile(r"Scos din memorie: \d+(,\d)? [kMG]?B"))
