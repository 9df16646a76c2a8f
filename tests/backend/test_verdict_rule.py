"""The rule on curves written by hand, at its boundaries; and the intervals it rests on, against known values."""

import random
from dataclasses import replace

import pytest

from backend.messages import LANGUAGES
from backend.recipes.schema import Recipe
from backend.verdict import card
from backend.verdict.chance import Interval, mean_change, share, share_change
from backend.verdict.measured import Evaluation, Measured, Score, Setting
from backend.verdict.rule import Kind, judge

STEPS = 100
DICE = random.Random(1)
NOISE = [DICE.uniform(-0.3, 0.3) for _ in range(40)]


def rows(mean, count=40, noise=1.0):
    """Losses of held-out rows around `mean`, the same spread each time."""
    return tuple(mean + noise * one for one in NOISE[:count])


def evaluated(*curve, count=40):
    """One evaluation for each mean, evenly over the run."""
    every = STEPS // max(len(curve) - 1, 1)
    return tuple(Evaluation(at * every, mean, rows(mean, count)) for at, mean in enumerate(curve))


def falling(first=3.0, last=0.5, steps=STEPS):
    return tuple((at, first + (last - first) * at / steps) for at in range(1, steps + 1))


def run(**values):
    given = {"train": falling(), "held_out": evaluated(3.0, 1.0, 0.6), "total": STEPS}
    return Measured(**(given | values))


def score(before, after, gained, lost, group="en", count=30):
    return Score(group, before, after, count, gained, lost)


def flat(level=3.0):
    return tuple((at, level) for at in range(1, STEPS + 1))


def test_a_held_out_loss_that_falls_by_more_than_noise_is_learning():
    found = judge(run())
    assert found.kind is Kind.LEARNED
    assert found.held_out.change.high < -2
    assert not found.held_out.rising


def test_two_percent_of_the_loss_is_the_least_that_counts_as_a_change():
    assert judge(run(held_out=evaluated(3.0, 2.95), train=flat())).kind is Kind.NO_CHANGE
    assert judge(run(held_out=evaluated(3.0, 2.93), train=flat())).kind is Kind.LEARNED


def test_a_fall_that_is_within_the_noise_of_the_rows_is_no_change_shown():
    before = Evaluation(0, 3.0, rows(3.0))
    shuffled = list(rows(2.95))
    random.Random(2).shuffle(shuffled)
    after = Evaluation(STEPS, 2.95, tuple(shuffled))
    found = judge(run(held_out=(before, after), train=flat()))
    assert found.kind is Kind.NO_CHANGE
    assert found.held_out.change.low < 0 < found.held_out.change.high


@pytest.mark.parametrize(("last", "kind"), [(1.04, Kind.LEARNED), (1.07, Kind.OVER_FITTED), (4.0, Kind.OVER_FITTED)])
def test_over_fitting_is_a_rise_of_more_than_five_percent_above_the_best(last, kind):
    assert judge(run(held_out=evaluated(3.0, 1.0, last))).kind is kind


def test_a_rise_while_the_training_loss_rises_too_is_not_learning_by_heart():
    train = (*falling(3.0, 0.5, 50), *((50 + at, 0.5 + 0.03 * at) for at in range(1, 51)))
    assert judge(run(held_out=evaluated(3.0, 1.0, 1.5), train=train)).kind is Kind.LEARNED


def test_over_fitting_from_the_first_step_is_seen():
    assert judge(run(held_out=evaluated(1.0, 1.3, 1.8))).kind is Kind.OVER_FITTED


@pytest.mark.parametrize(
    "values",
    [
        {"train": (*falling(steps=50), (51, None))},
        {"held_out": (*evaluated(3.0, 1.0), Evaluation(STEPS, None))},
        {"train": falling(3.0, 9.0), "held_out": evaluated(3.0, 9.0)},
        {"whole": False, "fell_apart": True, "made": False},
    ],
    ids=["no number while training", "no number on held-out rows", "the loss rises", "ended by the studio"],
)
def test_a_loss_that_is_no_number_or_ends_above_its_start_is_divergence(values):
    assert judge(run(**values)).kind is Kind.DIVERGED


def test_a_loss_that_explodes_at_the_second_step_and_falls_from_there_has_diverged():
    train = ((1, 0.1), *falling(11.0, 6.0)[1:])
    assert judge(run(train=train, held_out=evaluated(0.1, 7.0, 6.0))).kind is Kind.DIVERGED
    assert judge(run(train=falling(3.0, 9.0), held_out=())).kind is Kind.DIVERGED


def test_an_easy_first_batch_is_no_divergence_when_the_held_out_loss_falls():
    train = ((1, 0.1), *falling(3.0, 2.0)[1:])
    assert judge(run(train=train, held_out=evaluated(3.0, 2.0))).kind is Kind.LEARNED


def test_a_training_loss_that_only_trembles_has_not_diverged():
    train = tuple((at, 3 + 0.2 * NOISE[at % 40]) for at in range(1, STEPS + 1))
    assert judge(run(train=train, held_out=evaluated(3.0, 3.0))).kind is Kind.NO_CHANGE


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"whole": False, "stopped": True}, "verdict.why.not_whole"),
        ({"whole": False, "train": (), "held_out": (), "total": 0}, "verdict.why.not_begun"),
        ({"held_out": ()}, "verdict.why.few_held_out"),
        ({"held_out": evaluated(3.0, 0.5, count=9)}, "verdict.why.few_held_out"),
        ({"held_out": evaluated(3.0, 3.0), "train": flat()[:6]}, "verdict.why.few_steps"),
    ],
    ids=["stopped", "not begun", "nothing held out", "nine rows held out", "six steps"],
)
def test_what_was_hardly_measured_is_not_judged(values, key):
    found = run(**values)
    assert judge(found).kind is Kind.UNMEASURED
    assert card.made_of(found).why[0].key == key


def test_a_run_that_ended_before_its_end_says_how_it_stood_then_and_does_not_contradict_itself():
    stopped = card.made_of(run(whole=False, stopped=True))
    assert (stopped.headline.key, stopped.lead.key) == ("verdict.not_whole", "verdict.not_whole.lead")
    assert stopped.learned[0].key.startswith("verdict.held_out.")
    nothing = card.made_of(run(whole=False, train=(), held_out=(), total=0))
    assert (nothing.headline.key, nothing.lead.key) == ("verdict.unmeasured", "verdict.unmeasured.lead")


def test_ten_rows_held_out_are_enough():
    assert judge(run(held_out=evaluated(3.0, 0.5, count=10))).kind is Kind.LEARNED


def test_the_check_alone_can_show_learning_and_forgetting():
    found = judge(run(held_out=(), scores=(score(0, 27, 27, 0, "ro"), score(29, 4, 0, 25), score(28, 28, 0, 0, "it"))))
    assert found.kind is Kind.LEARNED
    assert [(one.gained, one.lost, one.kept) for one in found.languages] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_language_with_few_questions_is_not_called_kept():
    (language,) = judge(run(scores=(score(3, 3, 0, 0, count=3),))).languages
    assert not language.kept


def test_a_check_is_told_in_words_with_its_counts():
    scores = (score(29, 4, 0, 25), score(29, 1, 0, 28, "it"), score(28, 20, 0, 8, "ro"), score(20, 21, 3, 2, "fr"))
    said = card.made_of(run(scores=scores)).words("en")["forgotten"]
    assert said == [
        "English: 29 of 30 right before, 4 of 30 after: mostly forgotten.",
        "Italian: 29 of 30 right before, 1 of 30 after: nearly all forgotten.",
        "Romanian: 28 of 30 right before, 20 of 30 after: partly forgotten.",
        "fr: 20 of 30 right before, 21 of 30 after: kept.",
    ]


@pytest.mark.parametrize(("lost", "shown"), [(5, False), (6, True)])
def test_a_change_of_the_check_is_shown_just_when_mcnemars_exact_test_says_so(lost, shown):
    """All in one direction: two-sided p is 2 / 2**5 = 0.0625 for five, 2 / 2**6 = 0.031 for six."""
    assert share_change(0, lost, 30).shown is shown


def test_exact_bounds_are_those_of_the_tables():
    """Clopper and Pearson, 95 %: 0 of 10, 1 of 10, 5 of 10."""
    assert share(0, 10) == pytest.approx((0, 0.3085), abs=1e-4)
    assert share(1, 10) == pytest.approx((0.0025, 0.4450), abs=1e-4)
    assert share(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)


def test_no_answer_that_changed_is_still_not_certainty():
    assert share_change(0, 0, 30) == Interval(0.0, pytest.approx(-0.1157, abs=1e-4), pytest.approx(0.1157, abs=1e-4))


def test_the_interval_of_a_mean_change_is_that_of_a_normal_mean():
    dice = random.Random(3)
    before = [dice.gauss(3, 1) for _ in range(200)]
    after = [one - 0.1 + dice.gauss(0, 0.5) for one in before]
    found = mean_change(before, after)
    error = 1.96 * 0.5 / 200**0.5
    assert found.low == pytest.approx(found.change - error, abs=0.015)
    assert found.high == pytest.approx(found.change + error, abs=0.015)


def test_nothing_is_compared_with_other_rows():
    with pytest.raises(ValueError, match="same rows"):
        mean_change([1.0], [1.0, 2.0])
    held_out = (Evaluation(0, 3.0, rows(3.0)), Evaluation(STEPS, 0.5, rows(0.5, 30)))
    assert judge(run(held_out=held_out)).held_out is None


CASES = [
    run(),
    run(scores=(score(0, 27, 27, 0, "ro"), score(29, 4, 0, 25))),
    run(held_out=evaluated(3.0, 1.0, 1.5), setting=Setting(rows=40), scores=(score(0, 0, 0, 0, ""),)),
    run(held_out=evaluated(3.0, 3.0), train=flat()),
    run(held_out=evaluated(3.0, 9.0), train=falling(3.0, 9.0)),
    run(whole=False, stopped=True),
    run(held_out=evaluated(3.0, 0.5, count=4), setting=Setting(model="starter", rows=200)),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: judge(case).kind.value)
def test_every_card_is_whole_in_every_language(case, language):
    made = card.made_of(case)
    said = made.words(language)
    sentences = [said["said"], *said["learned"], *said["forgotten"], *said["why"], *said["try"]]
    assert said["learned"]
    assert said["forgotten"]
    assert 1 <= len(said["why"]) <= 3
    assert 1 <= len(said["try"]) <= 3
    assert not [one for one in sentences if "{" in one]


def changes(case):
    return [(one.recipe, one.changes) for one in card.made_of(case).advice]


def test_what_to_try_can_be_tried():
    """Every change is one that the recipe takes."""
    from backend.recipes.load import with_changes

    for case in CASES:
        for recipe, changed in changes(case):
            assert with_changes(Recipe(title={}, about={}), changed) or recipe


def test_forgetting_on_the_starters_own_data_leads_to_the_recipe_that_mixes():
    setting = Setting(model="starter", data="starter-ro", rows=3000)
    case = run(setting=setting, scores=(score(0, 27, 27, 0, "ro"), score(29, 4, 0, 25)))
    assert changes(case)[0] == ("starter-mixed", {})
    own = run(setting=Setting(model="starter", data="mine", rows=3000), scores=(score(29, 4, 0, 25),))
    assert changes(own)[0] == ("same", {"replay.data": "starter-en-it", "replay.share": "0.5"})


def test_an_over_fitted_run_is_to_end_where_it_was_best():
    recipe = Recipe.model_validate({"title": {}, "about": {}, "schedule": {"epochs": 8}})
    case = run(held_out=evaluated(3.0, 0.5, 0.8, 1.0, 1.4), setting=Setting(recipe=recipe, rows=30))
    assert changes(case)[0] == ("same", {"schedule.epochs": "2"})


def test_a_diverged_run_is_to_learn_ten_times_slower():
    recipe = Recipe.model_validate({"title": {}, "about": {}, "schedule": {"learning_rate": 0.5}})
    assert changes(run(train=falling(3, 9), held_out=evaluated(3.0, 9.0), setting=Setting(recipe=recipe))) == [
        ("same", {"schedule.learning_rate": "0.05"})
    ]


def forgetful(recipe):
    setting = Setting(recipe=recipe, model="starter", data="starter-ro", rows=3000)
    return card.made_of(run(setting=setting, scores=(score(0, 27, 27, 0, "ro"), score(29, 4, 0, 25))))


def test_the_learning_rate_that_a_recipe_brings_is_not_called_wrong():
    from backend.recipes.load import shipped, with_changes

    recipe = next(file.recipe for file in shipped() if file.id == "starter-lora")
    assert "verdict.why.recipe_rate" in [one.key for one in forgetful(recipe).why]
    chosen = forgetful(with_changes(recipe, {"schedule.learning_rate": "0.02"}))
    assert "verdict.why.high_rate" in [one.key for one in chosen.why]
    assert "verdict.why.recipe_rate" not in [one.key for one in chosen.why]


@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_names_a_setting_as_the_form_does(language):
    from backend.recipes.leaves import by_name

    for case in CASES:
        made = card.made_of(case)
        for advice, said in zip(made.advice, made.words(language)["try"], strict=True):
            if advice.recipe == "same" and next(iter(advice.changes), "").startswith("schedule."):
                assert by_name()[next(iter(advice.changes))].label(language) in said


def test_of_a_run_on_pairs_it_is_told_how_many_are_in_the_right_order():
    curve = zip(evaluated(0.69, 0.2), (0.0, 0.9), strict=True)
    seen = tuple(replace(one, ordered=share) for one, share in curve)
    said = card.made_of(run(held_out=seen, train=falling(0.69, 0.2))).words("en")
    assert said["kind"] == "learned"
    told = "In 90 of 100 held-out pairs it has moved closer to the better answer than to the worse one."
    assert told in said["learned"]
    plain = card.made_of(run(held_out=evaluated(0.69, 0.2), train=falling(0.69, 0.2))).words("en")
    assert not any("pairs" in one for one in plain["learned"])
