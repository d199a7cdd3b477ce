"""Static embeddings: a pretrained vector for each subword, whatever stands beside it.

As in word2vec (Mikolov et al. 2013, https://arxiv.org/abs/1301.3781) and, from the embeddings of a large language
model, WordLlama (https://github.com/dleemiller/WordLlama). A look-up is as quick as reading features from a file, so
none are kept. Differs: the vectors are normalised, and trained layers follow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number, check_whole
from multimodal.encoder.backbone import Backbone, digest_of
from multimodal.encoder.extra import import_extra
from multimodal.encoder.text.subwords import pad_subwords, some_unmasked, split_subwords
from multimodal.encoder.weights_file import read_weights_file
from multimodal.paths import expanded
from multimodal.types import Encoded, masked_mean


class StaticEmbeddings(nn.Module):
    """Projects the vector of each subword; the pooled embedding is a perceptron applied to their mean.

    Args:
        dim: shared width D.
        table: a file with one matrix, a row for each number of the tokenizer: .safetensors or a state dict.
        tokenizer: a tokenizer.json.
        frozen: True keeps the vectors as loaded, and leaves them out of checkpoints.
        dropout: rate on the projected vectors.
        max_subwords: longer captions are cut after this many subwords.

    Raises:
        ValueError: tokenizers is not installed, a file is not there or of another kind, or the table has too few rows.
    """

    def __init__(
        self, dim: int, table: str | None, tokenizer: str | None, frozen: bool, dropout: float, max_subwords: int
    ) -> None:
        super().__init__()
        check_flag("encoder.text", frozen=frozen)
        check_number("encoder.text", least=0, below=1, dropout=dropout)
        check_whole("encoder.text", max_subwords=max_subwords)
        self.max_subwords = max_subwords
        vectors = read_table(str(existing_file("table", table)))
        self.tokenizer = read_tokenizer(existing_file("tokenizer", tokenizer))
        if self.tokenizer.get_vocab_size() > len(vectors):
            raise ValueError(
                f"encoder.text.table: {table} has {len(vectors)} rows, fewer than the "
                f"{self.tokenizer.get_vocab_size()} subwords of encoder.text.tokenizer={tokenizer}"
            )
        embedding = nn.Embedding.from_pretrained(vectors)
        source = self.tokenizer.to_str()
        self.weights = digest_of(embedding, source).hex()
        self.backbone = Backbone(embedding, frozen, source)
        self.norm = nn.LayerNorm(vectors.shape[1])
        self.to_tokens = nn.Linear(vectors.shape[1], dim)
        self.dropout = nn.Dropout(dropout)
        self.to_pooled = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def tokenize(self, captions: Sequence[str]) -> Tensor:
        """Split captions into subwords: N texts -> (N, S) int32, see `pad_subwords`."""
        encoded = self.tokenizer.encode_batch(list(captions), add_special_tokens=False)
        return pad_subwords([caption.ids[: self.max_subwords] for caption in encoded])

    def forward(self, subwords: Tensor, present: Tensor) -> Encoded:
        """Encode captions: (B, S) int64, (B,) bool -> Encoded with the S subwords as tokens."""
        numbers, mask = split_subwords(subwords)
        mask = some_unmasked(mask)
        tokens = self.dropout(self.to_tokens(self.norm(self.backbone(numbers).to(self.norm.weight.dtype))))
        return Encoded(self.to_pooled(masked_mean(tokens, mask)), tokens, mask, present)


def existing_file(name: str, path: str | None) -> Path:
    """Return a file that a setting names; ValueError, naming the setting, if it is not given or not there."""
    if path is None:
        raise ValueError(f"encoder/text=static needs encoder.text.{name}=<a file>")
    file = expanded(path)
    if not file.is_file():
        raise ValueError(f"encoder.text.{name}: there is no file {path}")
    return file


def read_table(path: str) -> Tensor:
    """Read the only matrix of a file: -> (V, F) float32."""
    matrices = [value for value in read_weights_file(path).values() if value.ndim == 2]
    if len(matrices) != 1:
        raise ValueError(f"encoder.text.table: {path} must hold one matrix, it holds {len(matrices)}")
    return matrices[0].to("cpu", torch.float32)


def read_tokenizer(file: Path) -> Any:
    """Read a tokenizer.json."""
    tokenizers = import_extra("tokenizers", "transformers", "encoder/text=static")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise ValueError(f"encoder.text.tokenizer: {file} is no tokenizer.json ({error})") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
