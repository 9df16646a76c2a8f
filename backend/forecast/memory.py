"""Where the memory of a training run goes, part by part, at its highest moment.

The floats that autograd keeps per token were counted in a Llama layer with `saved_tensors_hooks`, not fitted; the
derivation stands in docs/forecast.md. In the comments H, Q, K and I are the widths of the hidden state, of queries, of
keys (and values), and of the MLP.
"""

from math import ceil

from backend.forecast.besides import departures, sight
from backend.forecast.load import FP32, Load
from backend.forecast.model import PARTS

STORED_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
LOGITS_CHUNK_BYTES = 32 * 2**20
# A process grows by this after its imports, whatever it trains: modules loaded late, thread pools, work areas of MKL.
GROWTH_BYTES = 50 * 2**20
# glibc cannot reuse the hole of a freed tensor for an aligned one of the same size, so holes stay between the tensors
# that are kept: this share of the activations. Tensors from 32 MB on get pages of their own, which go back at once.
HOLES = 0.25
# Of the gradients of a model that is trained whole, this share finds no room where activations have been let go, and
# so much more of it for each activation that a gradient has.
MEETING, ROOMLESS = 0.4, 0.6
# With recomputed activations, layers that are there at once on a processor.
AGAIN = 2
OWN_PAGES_BYTES = 32 * 2**20
# CUDA's allocator rounds sizes and keeps what was freed.
GPU_HOLES = 1.1
# What each card holds a part of where the model is shared in parts; and blocks that are whole at a time: the one that
# computes, and the one that comes next.
SHARED = ("weights", "adapter", "gradients", "optimizer")
WHOLE_BLOCKS = 2
Parts = dict[str, int]


def parts(load: Load) -> Parts:
    """Bytes by part when the run needs most; their sum is the peak: of a card, or of all processes on a processor."""
    return max(_moments(load), key=lambda moment: sum(moment.values()))


def needed(load: Load) -> int:
    """Bytes that must be free. The pages of the weights' file that are not used again count as the process's memory
    while nobody else wants them, but they are clean: the system takes them back without asking.
    """
    return max(sum(moment.values()) - moment["loading"] for moment in _moments(load))


def _moments(load: Load) -> tuple[Parts, ...]:
    moments = _loading(load), _training(load), _evaluating(load), _looking(load)
    return moments if load.recipe.compute.devices == 1 else tuple(_together(one, load) for one in moments)


def _together(one: Parts, load: Load) -> Parts:
    """On several devices, from what one process needs. Those on one processor share its memory, so their needs add up;
    each card has its own, and all need the same.
    """
    devices = load.recipe.compute.devices
    if load.gpu and load.recipe.compute.sharding == "fsdp2":
        return one | {name: ceil(one[name] / devices) for name in SHARED} | {"weights": _in_parts(one["weights"], load)}
    # Gradients lie in buckets of their own while they are exchanged.
    found = one | {"gradients": one["gradients"] + FP32 * load.trained}
    if load.gpu:
        return found
    # The process of the job waits meanwhile, with the libraries in its memory.
    every = {name: devices * count for name, count in found.items()}
    return every | {"runtime": every["runtime"] + load.runtime}


def _in_parts(whole: int, load: Load) -> int:
    """Of a model in parts: a part of everything, some blocks whole, and all the while what is besides the blocks."""
    every = load.facts.parts
    blocks = whole * (every["attention"] + every["mlp"]) / load.facts.parameters
    apart = 1 - 1 / load.recipe.compute.devices
    return ceil(whole - apart * blocks * (1 - min(1.0, WHOLE_BLOCKS / load.facts.layers)))


def _loading(load: Load) -> Parts:
    """Nothing is trained yet; the pages of the file are there beside the tensors made from them."""
    return _at(load, loading=_file_bytes(load), adapter=0, optimizer=0)


def _training(load: Load) -> Parts:
    """The highest moment of the backward pass: its beginning (activations), its first layer, or its end (gradients)."""
    passing = round(load.grown * (activations(load) + backward(load) + holes(load)))
    waiting = _waiting(load, passing)
    begin = _at(load, gradients=waiting, activations=passing + _handed(load), logits=logits(load))
    if load.preferring:
        # The reference answers while the activations wait.
        beside = activations(load) + load.tokens * _passing(load) * load.number_bytes
        other = _at(load, gradients=waiting, activations=beside, logits=_chunk(load, learning=False))
        begin = max(begin, other, key=lambda moment: sum(moment.values()))
    end = _at(load, gradients=FP32 * (load.trained + _second_table(load)))
    # What the first layer kept, or made again, is there until nearly every gradient is.
    kept = load.tokens * load.number_bytes * saved_per_token(load) + backward(load)
    first = _at(load, gradients=FP32 * load.trained, activations=round(load.grown * (kept + holes_of(kept, load))))
    # The heap keeps its pages until the optimizer works; what that needs beside them comes on top.
    working = 0 if load.gpu else departures.working_bytes(load.facts, load.recipe, OWN_PAGES_BYTES)
    step = begin | {"logits": 0, "optimizer": begin["optimizer"] + working}
    return max(begin, first, end, step, key=lambda moment: sum(moment.values()))


def _waiting(load: Load, passing: int) -> int:
    """Bytes of gradients beside all activations, `passing` bytes: those of earlier micro-batches, or those of weights
    that find no room where activations have been let go, which are the more of them the fewer activations there are.
    """
    gradients = FP32 * load.trained
    if load.recipe.batch.accumulation > 1:
        return gradients
    share = min(1.0, MEETING + ROOMLESS * gradients / max(1, passing)) if load.full else 0.0
    return round(share * gradients)


def _evaluating(load: Load) -> Parts:
    share = load.learned / max(1, load.tokens)
    scored = departures.all_logits(load.facts, load.recipe, round(load.evaluated * share), learning=False)
    return _at(
        load,
        activations=load.evaluated * _passing(load) * load.number_bytes + _handed(load),
        logits=scored or _chunk(load, learning=False),
    )


def _looking(load: Load) -> Parts:
    """The tower looks at the largest picture, when what was seen of the others is there."""
    if load.facts.sight is None or load.seen is None:
        return _at(load)
    return _at(load, activations=sight.looking(load.facts.sight, load.seen, load.number_bytes) + _handed(load))


def _handed(load: Load) -> int:
    """What was seen of the pictures of a micro-batch, until the model has learned from it."""
    if load.facts.sight is None or load.seen is None:
        return 0
    return load.number_bytes * sight.handed(load.facts, load.facts.sight, load.seen, load.recipe.batch.size)


def _at(load: Load, **moment: int) -> Parts:
    """What is there all the time, and what is there at one moment."""
    standing = {
        "runtime": load.runtime + (0 if load.gpu else GROWTH_BYTES),
        "weights": weights(load) * (2 if load.full and load.preferring else 1),
        "adapter": 0 if load.full else FP32 * (load.trained + load.begun * (2 if load.preferring else 1)),
        "optimizer": departures.optimizer_bytes(load.facts, load.recipe, load.trained),
        "loading": _mapped_bytes(load),
    }
    return dict.fromkeys(PARTS, 0) | standing | moment


def _file_bytes(load: Load) -> int:
    """Pages of the weights' file while it is read; weights that stay as they are stored are these pages themselves."""
    if load.gpu:
        return 0
    stored = STORED_BYTES.get(load.facts.dtype, FP32)
    return _mapped_bytes(load) if stored == load.weight_bytes else stored * load.facts.parameters


def _mapped_bytes(load: Load) -> int:
    """Pages of the file that stay: with QLoRA the matrices in it were read too, and embeddings still live there; PiSSA
    leaves others in place of the matrices that it begins from.
    """
    if load.gpu or STORED_BYTES.get(load.facts.dtype, FP32) != FP32:
        return 0
    return FP32 * departures.replaced(load.facts, load.recipe)


def holes(load: Load) -> int:
    """What the allocator adds to the activations. It grows no more once tensors have pages of their own."""
    return holes_of(activations(load) + backward(load), load)


def holes_of(taken: int, load: Load) -> int:
    """Bytes that stay between tensors of so many bytes."""
    if load.gpu:
        return round((GPU_HOLES - 1) * taken)
    widest = load.facts.intermediate_size * load.number_bytes
    share = min(1.0, OWN_PAGES_BYTES / (load.tokens * widest))
    return round(HOLES * share * taken)


def weights(load: Load) -> int:
    """The base model as it is kept while training. QLoRA leaves embeddings, head and norms as they are."""
    inside = load.facts.parts["attention"] + load.facts.parts["mlp"]
    if load.recipe.method != "qlora":
        return load.facts.parameters * load.weight_bytes
    wanted = load.recipe.quantisation
    # LLM.int8 keeps one scale for each row (arXiv 2208.07339, section 2.1).
    rows = load.facts.layers * sum(linear.outputs for linear in load.facts.linears)
    packed = inside + FP32 * rows if wanted.kind == "int8" else departures.quantised_bytes(inside, double=wanted.double)
    return packed + (load.facts.parameters - inside) * load.weight_bytes


def activations(load: Load) -> int:
    """What the forward pass keeps for the backward pass, and the last norm's input and output."""
    kept = load.facts.layers * saved_per_token(load)
    if load.checkpointing:
        # Only what goes into each layer is kept, and one layer at a time is made again; the room of the one before it
        # is in pieces then.
        kept = load.facts.layers * load.facts.hidden_size + (1 if load.gpu else AGAIN) * saved_per_token(load)
    seen = 0
    if load.facts.sight and load.seen:
        seen = sight.remembered(load.facts.sight, load.recipe, load.seen, load.recipe.batch.size)
    return load.number_bytes * (load.tokens * (kept + 2 * load.facts.hidden_size) + seen)


def saved_per_token(load: Load) -> int:
    """Floats per token that autograd keeps of one layer.

    Norms keep their input (2 H), attention its rotated queries, its keys, values and results (2 Q + 2 K) and one
    logsumexp per head, the MLP its gate before and after the activation and its other half (3 I). A matrix keeps its
    input only where the gradient of a weight needs it: in a layer that is trained itself, or for an adapter.
    """
    facts = load.facts
    hidden, inner = facts.hidden_size, facts.intermediate_size
    query, key = facts.heads * facts.head_dim, facts.kv_heads * facts.head_dim
    kept = 2 * hidden + 2 * query + 2 * key + facts.heads + 3 * inner
    span = load.span or min(load.tokens, load.recipe.batch.max_length)
    kept += departures.of_family(facts, full=load.full, span=span) + departures.of_dora(facts, load.recipe)
    # Padding needs a mask, of which each layer keeps a copy in floats: for each token a row as long as its answer.
    kept += load.tokens // (2 * load.recipe.batch.size) if load.preferring else 0
    if load.full:
        return kept + 2 * hidden + (2 * hidden + query + inner)
    lora = load.recipe.lora
    adapted = facts.targets(lora.target_modules)
    kept += lora.rank * len(adapted)
    if lora.dropout > 0:
        # Every adapter drops its own copy of the input, and keeps the noise it was multiplied with.
        return kept + 2 * sum(linear.inputs for linear in adapted)
    # Matrices with the same input share it.
    halves = {linear.part for linear in adapted}
    return kept + (hidden + query) * ("attention" in halves) + (hidden + inner) * ("mlp" in halves)


def backward(load: Load) -> int:
    """Gradients inside the last layer's MLP, before anything of that layer has been let go; a dequantised matrix."""
    hidden, inner = load.facts.hidden_size, load.facts.intermediate_size
    dequantised = hidden * inner if load.recipe.method == "qlora" else 0
    passing = departures.passing(load.facts, load.recipe)
    return (load.tokens * (3 * inner + hidden) + dequantised + passing) * load.number_bytes


def logits(load: Load) -> int:
    """One chunk of logits; the gradients of the hidden states, and of the head where it is trained."""
    head = FP32 * load.table if load.full else 0
    if load.preferring:
        # Every position is scored on a processor, and its gradient made.
        scored = load.learned if load.gpu else load.tokens
        return _chunk(load, learning=True) + 2 * FP32 * scored * load.facts.hidden_size + head
    scored = departures.all_logits(load.facts, load.recipe, load.learned, learning=True)
    return (scored or _chunk(load, learning=True)) + 2 * FP32 * load.learned * load.facts.hidden_size + head


def _chunk(load: Load, *, learning: bool) -> int:
    if load.preferring:
        scored = load.learned if load.gpu else load.tokens
        return departures.scores(load.facts, scored, gpu=load.gpu, learning=learning)
    chunks = departures.BENT_CHUNKS if load.facts.model_type == departures.BENT else 1
    return chunks * min(LOGITS_CHUNK_BYTES, FP32 * load.learned * load.facts.vocab_size)


def _second_table(load: Load) -> int:
    """Embeddings that are also the head get two gradients, and for a moment both are there."""
    return load.table if load.full and load.facts.tied_embeddings else 0


def _passing(load: Load) -> int:
    """Floats per token at the widest place of a forward pass that keeps nothing: the second projection of the MLP."""
    return 2 * load.facts.hidden_size + (3 if load.full else 4) * load.facts.intermediate_size
