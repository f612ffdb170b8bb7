"""Writes a tiny WanVACE pipeline with random weights, in diffusers' format: python tiny_wan_vace.py FOLDER [SEED]

97,269 parameters. It draws noise, by the same code as the real one: text encoder, VAE, transformer with VACE's blocks, scheduler.
"""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanVACEPipeline, WanVACETransformer3DModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel


def byte_tokenizer():
    """One token a byte, and three that T5 wants."""
    special = ["<pad>", "</s>", "<unk>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def main(folder, seed=0):
    torch.manual_seed(seed)
    pipeline = WanVACEPipeline(
        tokenizer=byte_tokenizer(),
        text_encoder=UMT5EncoderModel(
            UMT5Config(vocab_size=259, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
        ),
        vae=AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        transformer=WanVACETransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=32,
            freq_dim=256,
            ffn_dim=32,
            num_layers=3,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
            vace_layers=[0, 2],
            vace_in_channels=96,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    print(sum(weight.numel() for part in pipeline.components.values() if isinstance(part, torch.nn.Module) for weight in part.parameters()))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
