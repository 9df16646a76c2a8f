"""The pictures of coloured shapes, what is said of them, and the model that learns to say it."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.starter.vision.language import Lessons, Teacher, batch_of, language_loss
from backend.starter.vision.model import PAD, make_tokenizer, new_model, new_processor
from backend.starter.vision.run import make
from backend.starter.vision.scenes import (
    COLOURS,
    EVERY,
    GRID,
    HARD,
    SIDE,
    TRAINED,
    UNSEEN_PAIRS,
    Scene,
    Thing,
    picture,
    scene,
)
from backend.starter.vision.scoring import EXAMS, NEW_WORDINGS, questions, replies
from backend.starter.vision.sentences import (
    KINDS,
    LANGUAGES,
    Asked,
    ask,
    caption,
    missing_pair,
    phrase,
    table,
)
from backend.starter.vision.tower import features, pixels, tower_scores, train_tower

SCENES = 60
WORDINGS = 6


def every_sentence() -> Iterator[tuple[str, Asked]]:
    chance = random.Random(5)
    for _ in range(SCENES):
        things = scene(chance, TRAINED)
        for language in LANGUAGES:
            for kind in KINDS:
                for wording in range(WORDINGS):
                    asked = ask(things, kind, language, chance, (wording,))
                    if asked:
                        yield language, asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_is_asked_in_six_ways_of_which_two_are_held_out(language: str) -> None:
    for kind in KINDS:
        ways = table(language)["questions"][kind]
        assert len(set(ways)) == WORDINGS
    assert EXAMS["new scenes"].wordings == (0, 1, 2, 3)
    assert {exam.wordings for exam in NEW_WORDINGS.values()} == {(4,), (5,)}


def test_sentences_are_whole() -> None:
    for language, asked in every_sentence():
        for text in (asked.question, asked.answer):
            assert text[0].isupper()
            assert text[-1] in ".?"
            assert not re.search(r"[|{}]|\s{2}|\s[.?,]|[şţŞŢ]", text), text
            assert " a orange" not in text.lower()
        assert asked.language == language


def test_all_says_the_same_in_three_languages() -> None:
    things = (Thing(0, 2, "red", "cross"), Thing(1, 1, "orange", "square"))
    assert [caption(things, language) for language in LANGUAGES] == [
        "A red cross in the top right and an orange square in the centre.",
        "Una croce rossa in alto a destra e un quadrato arancione al centro.",
        "O cruce roșie sus în dreapta și un pătrat portocaliu în centru.",
    ]
    colours = [ask(things, "colour", language, random.Random(1), (0,)) for language in LANGUAGES]
    assert [(asked.question, asked.answer) for asked in colours if asked] == [
        ("What colour is the cross?", "It is red."),
        ("Di che colore è la croce?", "È rossa."),
        ("Ce culoare are crucea?", "Este roșie."),
    ]


def true_answers(kind: str, question: str, things: Scene) -> set[str]:
    """Every right answer, found in the scene by the words of the English question."""
    if kind == "colour":
        return {f"it is {one.colour}" for one in things if one.form in question}
    if kind == "shape":
        return {f"it is a {one.form}" for one in things if one.colour in question}
    if kind == "count":
        return {"there is one" if len(things) == 1 else f"there are {table('en')['numbers'][len(things) - 1]}"}
    if kind == "existence":
        named = question.removeprefix("Is there ")
        return {"yes" if any(named in _names(one) for one in things) else "no"}
    found = [one for one in things if phrase("en", one.form, one.colour, "the") in question]
    return {table("en")["places"][one.row][one.column] for one in found}


@pytest.mark.parametrize("kind", KINDS[:5])
def test_an_answer_is_true_and_the_only_one(kind: str) -> None:
    chance = random.Random(11)
    said: Counter[str] = Counter()
    for _ in range(300):
        things = scene(chance, EVERY)
        asked = ask(things, kind, "en", chance, (0,))
        if asked:
            answer = asked.answer.rstrip(".").lower()
            assert true_answers(kind, asked.question.rstrip("?."), things) == {answer}
            said[answer] += 1
    assert len(said) > 1
    if kind == "existence":
        assert 0.4 < said["yes"] / said.total() < 0.65


def _names(thing: Thing) -> set[str]:
    return {
        phrase("en", thing.form, thing.colour),
        phrase("en", thing.form, None),
        phrase("en", None, thing.colour),
    }


def test_what_is_asked_for_in_vain_is_never_there() -> None:
    chance = random.Random(2)
    for _ in range(500):
        things = scene(chance, HARD)
        assert missing_pair(things, chance) not in {thing.pair for thing in things}


def test_held_out_pairs_are_on_no_picture_that_is_trained_on() -> None:
    chance = random.Random(3)
    seen = {thing.pair for _ in range(3000) for thing in scene(chance, TRAINED)}
    assert not seen & UNSEEN_PAIRS
    assert len(seen) == len(EVERY.pairs) - len(UNSEEN_PAIRS)


def test_things_stand_in_cells_of_their_own_in_reading_order() -> None:
    chance = random.Random(4)
    for kind in (EVERY, TRAINED, HARD):
        for _ in range(200):
            cells = [(thing.row, thing.column) for thing in scene(chance, kind)]
            assert all(first < second for first, second in pairwise(cells))


def test_a_thing_is_painted_where_it_stands_and_in_its_colour() -> None:
    chance = random.Random(6)
    for _ in range(100):
        things = scene(chance)
        image = picture(things, chance)
        assert image.size == (SIDE, SIDE)
        for thing in things:
            middle = (SIDE / GRID * (thing.column + 0.5), SIDE / GRID * (thing.row + 0.5))
            painted = image.getpixel((int(middle[0]), int(middle[1])))
            assert isinstance(painted, tuple)
            near = COLOURS[thing.colour]
            assert all(abs(got - wanted) <= 12 for got, wanted in zip(painted, near, strict=True)), thing


def test_the_splits_share_no_question_and_are_the_same_each_time() -> None:
    of = {
        split: [one.question for _, one in questions(split, NEW_WORDINGS[split], ("ro",), 20)] for split in NEW_WORDINGS
    }
    assert not set(of["dev"]) & set(of["test"])
    assert of["dev"] == [one.question for _, one in questions("dev", NEW_WORDINGS["dev"], ("ro",), 20)]


def test_every_letter_is_one_token_and_text_survives() -> None:
    tokenizer = make_tokenizer(scenes=50)
    for letter in "ăâîșțĂÂÎȘȚàèéìòùÀÈÉÌÒÙ":
        assert len(tokenizer.encode(letter, add_special_tokens=False)) == 1
    for text in ("Cât costă? 5 €", "Perché no…", "emoji 🦊"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_questions_that_share_a_picture_learn_as_if_each_were_alone_before_the_processor() -> None:
    torch.manual_seed(0)
    tokenizer = make_tokenizer(scenes=50)
    model, processor = new_model(tokenizer), new_processor(tokenizer)
    chance = random.Random(8)
    things = (Thing(0, 0, "red", "circle"), Thing(2, 1, "blue", "cross"))
    image = picture(things, chance)
    teacher = Teacher(tokenizer, chance, Lessons(common=1.0))
    asked = [one for kind in ("colour", "count", "caption") if (one := ask(things, kind, "it", chance))]
    row = [teacher.piece(one) for one in asked]
    together = language_loss(model, features(model, [image]), batch_of([row], teacher.head, teacher.mark[PAD]))
    total, count = torch.tensor(0.0), 0
    for one in asked:
        message = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": one.question}]}]
        prompt = processor.apply_chat_template(message, add_generation_prompt=True)
        given = processor(images=[image], text=[f"{prompt}{one.answer}<|end|>"], return_tensors="pt")
        assert torch.allclose(given["pixel_values"], pixels([image]))
        answer = len(tokenizer.encode(f"{one.answer}<|end|>", add_special_tokens=False))
        said = model(**given).logits[0, -answer - 1 : -1]
        total += cross_entropy(said, given["input_ids"][0, -answer:], reduction="sum")
        count += answer
    assert together.item() == pytest.approx((total / count).item(), rel=1e-5)


def test_a_sentence_without_picture_cannot_see_it() -> None:
    torch.manual_seed(0)
    tokenizer = make_tokenizer(scenes=50)
    model = new_model(tokenizer)
    teacher = Teacher(tokenizer, random.Random(1), Lessons(with_plain=1.0))
    plain = teacher.row((Thing(0, 0, "red", "circle"),))[:1]
    assert not plain[0].sees
    batch = batch_of([plain], teacher.head, teacher.mark[PAD])
    losses = [language_loss(model, torch.full((1, GRID * GRID, 128), value), batch).item() for value in (0.0, 5.0)]
    assert losses[0] == losses[1]


def test_the_tower_learns_colours_within_a_few_steps() -> None:
    torch.manual_seed(0)
    model = new_model(make_tokenizer(scenes=20))
    chance = random.Random(7)
    scenes = [scene(chance) for _ in range(50)]
    before = tower_scores(model, scenes, 1)
    train_tower(model, 0, 40)
    after = tower_scores(model, scenes, 1)
    assert before["colour"] < 0.4
    assert after["colour"] > 0.7
    assert not any(weight.requires_grad for weight in model.model.vision_tower.parameters())


def test_what_is_made_is_small_and_loads_as_any_model_with_pictures(tmp_path: Path) -> None:
    make(tmp_path, seed=0, tower_steps=2, lessons=Lessons(steps=2, pictures=2))
    model = AutoModelForImageTextToText.from_pretrained(tmp_path, local_files_only=True)
    processor = AutoProcessor.from_pretrained(tmp_path, local_files_only=True)
    assert model.dtype == torch.float32
    assert model.num_parameters() < 4_000_000
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 10_000_000
    chance = random.Random(0)
    image = picture(scene(chance), chance)
    assert len(replies(model, processor, [(image, "Ce vezi?"), (image, "What do you see?")])) == 2
