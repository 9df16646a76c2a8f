"""How families and methods need more, or less, memory than a Llama layer that learns by plain LoRA.

Counted as in `memory`: floats per token that autograd keeps of one layer (tests/backend/test_forecast_measured.py).
"""

from backend.models.facts import ModelFacts
from backend.recipes.schema import Recipe

FP32 = 4
ADAM_BYTES = {"adamw": 8.0, "paged_adamw": 8.0, "adamw_8bit": 2.1, "paged_adamw_8bit": 2.1}
QUANTISATION_BLOCK = 64
DOUBLE_QUANTISATION_BLOCK = 256
# Tensors as large as a weight that its step makes on the way.
BITSANDBYTES = {"paged_adamw": 3, "adamw_8bit": 5, "paged_adamw_8bit": 5}
FOUR_NORMS = ("gemma2", "gemma3_text")
NORMED_QUERIES = ("qwen3", "gemma3_text", "olmo2")
# Its activation function is written out, and keeps every step of it.
WRITTEN_OUT = 4
BENT = "gemma2"
# Tensors as wide as a document is long, for every head, where attention leaves some of its weights out.
DROPPED = 3
# TRL makes the logits of so many tokens and words of the vocabulary at once (trl.kernels.chunked_logprob).
TILE_TOKENS, TILE_WORDS = 4096, 32768
# On a processor a tile is turned into so many more, one after another: forward (also of the reference), and backward.
TILES_FORWARD, TILES_BACKWARD = 4, 8.25
# Chunks of logits that are there at once where they are bent.
BENT_CHUNKS = 5


def of_family(facts: ModelFacts, *, full: bool, span: int) -> int:
    """Floats per token and layer that this family keeps besides those of Llama; `span`: tokens of a document."""
    query, key = facts.heads * facts.head_dim, facts.kv_heads * facts.head_dim
    both = 2 if full else 1
    more = 0
    if facts.model_type in FOUR_NORMS:
        more += both * 2 * facts.hidden_size
    if facts.model_type in NORMED_QUERIES:
        more += both * (query + key)
    if facts.model_type == "phi3":
        more += query + key
    if facts.model_type == "gpt2":
        more += (WRITTEN_OUT - 3) * facts.intermediate_size
        # Its norms keep their inputs only, where those of the others keep what they scale too.
        more -= 2 * facts.hidden_size if full else 0
    if facts.residual_dropout:
        more += 2 * facts.hidden_size
    if facts.attention_dropout and facts.model_type != BENT:
        # No kernel drops on a processor: the weights, the noise, and both times each other are there.
        more += DROPPED * facts.heads * span + query
    if facts.model_type == BENT:
        more += 2 * facts.heads * span + facts.heads
    return more


def of_dora(facts: ModelFacts, recipe: Recipe) -> int:
    """DoRA keeps what a matrix gave and what its adapter gave, apart."""
    if recipe.method == "full" or not recipe.lora.dora:
        return 0
    return 2 * sum(linear.outputs for linear in facts.targets(recipe.lora.target_modules))


def passing(facts: ModelFacts, recipe: Recipe) -> int:
    """Numbers that are there only for a moment: DoRA makes every matrix with its update to see how long it is."""
    if recipe.method == "full" or not recipe.lora.dora:
        return 0
    return 3 * max(linear.inputs * linear.outputs for linear in facts.targets(recipe.lora.target_modules))


def magnitudes(facts: ModelFacts, recipe: Recipe) -> int:
    """The lengths that DoRA trains."""
    if recipe.method == "full" or not recipe.lora.dora:
        return 0
    return facts.layers * sum(linear.outputs for linear in facts.targets(recipe.lora.target_modules))


def replaced(facts: ModelFacts, recipe: Recipe) -> int:
    """Numbers of the base model that were read from its file, and are used in another form."""
    if recipe.method == "qlora":
        return facts.parts["attention"] + facts.parts["mlp"]
    if recipe.method == "full" or recipe.lora.start != "pissa":
        return 0
    return facts.layers * sum(one.inputs * one.outputs for one in facts.targets(recipe.lora.target_modules))


def new_rows(facts: ModelFacts, recipe: Recipe) -> int:
    """Numbers in the rows of new tokens: of the embeddings, and of the head where it is a table of its own."""
    return len(recipe.new_tokens) * facts.hidden_size * (1 if facts.tied_embeddings else 2)


def all_logits(facts: ModelFacts, recipe: Recipe, learned: int, *, learning: bool) -> int:
    """Bytes of logits where new tokens are trained, and 0 where they are not: they are made for all that is learned at
    once. While learning there are their logarithms and two gradients of them, otherwise both before and after.
    """
    return (3 if learning else 2) * FP32 * learned * facts.vocab_size if recipe.new_tokens else 0


def optimizer_bytes(facts: ModelFacts, recipe: Recipe, trained: int) -> int:
    """What the optimizer remembers: two moments in 32 or 8 bits, or (Adafactor) a row and a column of each matrix."""
    known = ADAM_BYTES.get(recipe.schedule.optimizer)
    if known is not None:
        # The Trainer keeps both moments of embeddings in 32 bits, whatever those of the other weights have.
        whole = facts.parts["embeddings"] if recipe.method == "full" else 0
        return round(known * (trained - whole) + ADAM_BYTES["adamw"] * whole)
    if recipe.method == "full":
        sides = sum(linear.inputs + linear.outputs for linear in facts.linears)
        return FP32 * (facts.layers * sides + 2 * (facts.vocab_size + facts.hidden_size))
    adapted = facts.targets(recipe.lora.target_modules)
    return FP32 * facts.layers * sum(linear.inputs + linear.outputs + 2 * recipe.lora.rank for linear in adapted)


def working_bytes(facts: ModelFacts, recipe: Recipe, own_pages: int) -> int:
    """What bitsandbytes makes of the largest weight while it steps on a processor (its backends/cpu/ops.py).

    In 8 bits: both moments as floats, the scaled gradient, the root of the second moment and what divides by it. In 32
    bits: the gradient, and two on the way to the update. Of tensors below `own_pages` bytes there is always room in the
    heap.
    """
    copies = BITSANDBYTES.get(recipe.schedule.optimizer)
    if copies is None or recipe.method != "full":
        return 0
    table, matrix = facts.vocab_size * facts.hidden_size, max(one.inputs * one.outputs for one in facts.linears)
    # Embeddings are kept in 32 bits; a head of its own is a matrix like any other.
    matrix = matrix if facts.tied_embeddings else max(matrix, table)
    pairs = ((table, BITSANDBYTES["paged_adamw"]), (matrix, copies))
    return max(FP32 * copies * size if FP32 * size >= own_pages else 0 for size, copies in pairs)


def quantised_bytes(count: int, *, double: bool) -> int:
    """Bytes of `count` parameters in NF4 or FP4 (QLoRA, arXiv 2305.14314, sections 2 and 3).

    Half a byte each, and a scale for every block of 64: an fp32, or with double quantisation one byte, and an fp32 for
    every 256 of those.
    """
    scales = count // QUANTISATION_BLOCK
    if not double:
        return count // 2 + FP32 * scales
    return count // 2 + scales + FP32 * (scales // DOUBLE_QUANTISATION_BLOCK)


def scores(facts: ModelFacts, tokens: int, *, gpu: bool, learning: bool) -> int:
    """Bytes in which TRL scores answers: a tile of logits, and on a processor what it is turned into on the way."""
    tile = FP32 * min(tokens, TILE_TOKENS) * min(facts.vocab_size, TILE_WORDS)
    return tile if gpu else round((TILES_BACKWARD if learning else TILES_FORWARD) * tile)


def rough(facts: ModelFacts, recipe: Recipe) -> bool:
    """Whether the time of such a run is only guessed: this machine is measured with plain LoRA and four bits, on one
    device.
    """
    dora = recipe.method != "full" and recipe.lora.dora
    int8 = recipe.method == "qlora" and recipe.quantisation.kind == "int8"
    other = facts.model_type in ("gpt2", BENT) or recipe.schedule.optimizer != "adamw"
    return dora or int8 or other or recipe.compute.devices > 1
