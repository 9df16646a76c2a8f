"""The starter's own tokenizer: byte-level BPE in which every English, Italian and Romanian letter is one token."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 2304
LETTERS = "ăâîșțĂÂÎȘȚàèéìíîòóùúÀÈÉÌÍÎÒÓÙÚ„”“«»’–…€"
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
# Kept free for pictures, so that a model with eyes can grow from this one without a new vocabulary.
PICTURES = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ message['content'] + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ENOUGH = 1000  # times a letter is shown, alone and after a space, so that its bytes are merged before rarer words


def make_tokenizer(sentences: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer learned from `sentences`; text of any language survives the round trip, byte by byte if it must."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END, *PICTURES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    letters = [text for letter in LETTERS for text in [letter] * ENOUGH]
    bpe.train_from_iterator([*sentences, *letters], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START, *PICTURES],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
