"""How long a run takes, from its floating-point operations and what was measured on this machine."""

from math import ceil

from backend.forecast.besides import sight
from backend.forecast.calibration import Calibration
from backend.forecast.load import Load
from backend.forecast.work import Work

MULTIPLY_ADD = 2
START_SECONDS = 2.0
# A forward pass is a third of a forward and backward one where weights are trained, half where only adapters are.
FORWARD_SHARE = 0.4
ANSWER_TOKENS = 24
# Languages of a check set, at most as a rule.
CHECK_GROUPS = 3


def seconds(load: Load, work: Work, calibration: Calibration) -> float:
    """Of the whole run: loading, steps, evaluations, answers to the test questions."""
    per_flop = calibration.per_flop(load.facts.hidden_size, quantised=load.recipe.method == "qlora")
    products = work.tokens * training_flops(load, work) * per_flop
    passes = work.micro_batches * _overhead(load, calibration)
    optimizer = work.steps * load.trained * calibration.seconds_per_trained
    steps = products + passes + optimizer
    looks = _looks(load, work, calibration) + _seeing(load, work, calibration)
    return (START_SECONDS + steps + looks) * calibration.ratio(load.recipe.method)


def _seeing(load: Load, work: Work, calibration: Calibration) -> float:
    """The tower's share: every picture that is looked at, and what its layers cost however small it is."""
    sees, seen = load.facts.sight, load.seen
    if sees is None or seen is None:
        return 0.0
    times = sight.looks(load.recipe, seen, work.micro_batches * load.recipe.batch.size)
    passes = 2.5 if load.recipe.vision.tower else 1.0
    once = sight.flops(sees, seen) * calibration.per_flop(sees.width, quantised=False)
    return times * passes * (once + FORWARD_SHARE * sees.layers * calibration.seconds_per_layer)


def training_flops(load: Load, work: Work) -> float:
    """Operations per token of a forward and a backward pass.

    A matrix costs one product forward, one for the gradient of what goes in, one more for the gradient of its weights
    where they are trained. Attention over a causal document of n tokens is 2 n Q forward per token and layer, and two
    and a half times that backward. The head sees only learned tokens, and never runs twice.
    """
    facts = load.facts
    inside = facts.parts["attention"] + facts.parts["mlp"]
    passes = 3 if load.full else 2
    again = 1 if load.checkpointing else 0
    adapter = 0 if load.full else 3 * load.trained
    attention = facts.layers * work.length * facts.heads * facts.head_dim * (3.5 + again)
    head = passes * work.learned * load.table
    if load.preferring:
        return MULTIPLY_ADD * (inside * (passes + again) + adapter + attention) + _compared(load, work, passes)
    return MULTIPLY_ADD * (inside * (passes + again) + adapter + attention + head)


def _compared(load: Load, work: Work, passes: int) -> float:
    """The head of an answer, whose logits TRL makes once more for their gradient, and the reference's forward pass."""
    scored = work.learned if load.gpu else 1.0
    return MULTIPLY_ADD * (passes + 1) * scored * load.table + forward_flops(load, work)


def forward_flops(load: Load, work: Work) -> float:
    facts = load.facts
    inside = facts.parts["attention"] + facts.parts["mlp"]
    attention = facts.layers * work.length * facts.heads * facts.head_dim
    scored = work.learned if load.gpu or not load.preferring else 1.0
    return MULTIPLY_ADD * (inside + attention + scored * load.table)


def read(load: Load) -> float:
    """Weights of the layers that are read in a forward and a backward pass; where they are trained, a third time."""
    inside = load.facts.parts["attention"] + load.facts.parts["mlp"]
    return 1.5 * inside if load.full else inside


def dequantised(load: Load) -> int:
    """Numbers that are made out of four bits in a forward and a backward pass."""
    inside = load.facts.parts["attention"] + load.facts.parts["mlp"]
    return 2 * inside if load.recipe.method == "qlora" else 0


def _overhead(load: Load, calibration: Calibration) -> float:
    """Of one forward and backward pass however few tokens there are: layers, reading the weights, making them out of
    four bits twice.
    """
    layers = load.facts.layers * calibration.seconds_per_layer
    return layers + read(load) * calibration.seconds_per_weight + dequantised(load) * calibration.seconds_per_number


def _looks(load: Load, work: Work, calibration: Calibration) -> float:
    """Measuring held-out rows and answering the questions: before the first step, every so often, and at the end."""
    watching = load.recipe.watching
    evaluations = (2 + (work.steps - 1) // watching.eval_every) if work.held_out else 0
    answers = (2 + (work.steps - 1) // watching.answer_every) if watching.questions else 0
    once = FORWARD_SHARE * _overhead(load, calibration)
    per_flop = calibration.per_flop(load.facts.hidden_size, quantised=load.recipe.method == "qlora")
    flops = forward_flops(load, work) * per_flop
    groups = ceil(work.held_out / max(work.evaluated, 1))
    evaluation = (work.held_out * flops + groups * once) * (2 if load.preferring else 1)
    answer = ANSWER_TOKENS * (once + len(watching.questions) * flops)
    check = ANSWER_TOKENS * CHECK_GROUPS * (once + watching.check_questions * flops) if watching.check else 0.0
    return evaluations * evaluation + answers * answer + 2 * check
