"""On an NVIDIA card: packed documents in bf16 are attended to as on the CPU in fp32."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from backend.training.network import attention
from backend.training.text.batches import Document, collate

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card")]


@torch.no_grad()
def test_packed_documents_on_the_card_give_the_logits_of_each_alone_on_the_cpu():
    attention.register()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=90, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=128,
    )  # fmt: skip
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()
    documents = [Document(torch.randint(0, 90, (n,), dtype=torch.int32), torch.arange(n) > 0) for n in (17, 3, 9)]
    alone = torch.cat([model(input_ids=document.tokens[None].long()).logits[0] for document in documents])
    model.set_attn_implementation(attention.NAME)
    batch = {name: value.cuda() if torch.is_tensor(value) else value for name, value in collate(documents).items()}
    inputs = {name: value for name, value in batch.items() if name not in ("positions", "targets")}
    packed = model.to("cuda", torch.bfloat16)(**inputs, use_cache=False).logits[0].float().cpu()
    assert (packed - alone).abs().max() < 0.05 * alone.abs().max()
