"""Tiny pretrained parts, made on disk: a tokenizer that sees case and punctuation, a table of vectors, a text model."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch

WORDS = ["[UNK]", "[PAD]", "A", "a", "red", "Red", "cat", "dog", ".", "!", "sleeps", *(f"w{i}" for i in range(11, 20))]


@cache
def folder() -> Path:
    """A folder of this process, removed at its end."""
    path = Path(tempfile.mkdtemp(prefix="pretrained-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def tokenizer_file() -> Path:
    """A tokenizer.json of WORDS, split at spaces and punctuation."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder() / "tokenizer.json"))
    return folder() / "tokenizer.json"


@cache
def table_file() -> Path:
    """A vector of 6 values for each of WORDS."""
    from safetensors.torch import save_file

    vectors = torch.randn(len(WORDS), 6, generator=torch.Generator().manual_seed(0))
    save_file({"embedding.weight": vectors}, folder() / "table.safetensors")
    return folder() / "table.safetensors"


@cache
def model_folder() -> Path:
    """A BERT of two layers as transformers saves it, with the tokenizer."""
    import transformers

    place = folder() / "bert"
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(place)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file()), unk_token="[UNK]", pad_token="[PAD]"
    )
    fast.save_pretrained(place)
    return place


@cache
def clip_folder() -> Path:
    """A CLIP of one layer a side as transformers saves it, with a tokenizer that ends a caption with its last word."""
    import transformers
    from tokenizers import Tokenizer, processors

    place, end = folder() / "clip", len(WORDS)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    sizes |= {"projection_dim": 6}
    text = sizes | {"vocab_size": end + 1, "max_position_embeddings": 16}
    text |= {"eos_token_id": end, "bos_token_id": None, "pad_token_id": 1}
    vision = sizes | {"image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.CLIPModel(config).save_pretrained(place)
    tokenizer = Tokenizer.from_file(str(tokenizer_file()))
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.post_processor = processors.TemplateProcessing("$A <end>", special_tokens=[("<end>", end)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", eos_token="<end>"
    )
    fast.save_pretrained(place)
    return place


def files_of(overrides: tuple[str, ...]) -> list[str]:
    """The settings that an option cannot be built without: files, and no weights from a network."""
    if "encoder/text=static" in overrides:
        return [f"encoder.text.table={table_file()}", f"encoder.text.tokenizer={tokenizer_file()}"]
    if "encoder/text=transformers" in overrides:
        return [f"encoder.text.name={model_folder()}"]
    if "encoder/text=clip" in overrides:
        return [f"encoder.text.name={clip_folder()}"]
    if {"encoder=clip", "encoder/image=clip"} & set(overrides):
        return [f"encoder.image.model={clip_folder()}"]
    return ["encoder.image.weights=none"] if "encoder/image=timm" in overrides else []
