"""Inference on samples of a user: predict class, caption and image. No dataset is read."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.decoding import decode_one
from multimodal.errors import one_line
from multimodal.model import MultimodalModel
from multimodal.paths import expanded
from multimodal.types import BOS, EOS, PAD, UNK, Batch
from multimodal.words import tokenize

log = logging.getLogger(__name__)

Note = Callable[[str], None]  # takes what a user should know of how a sample is read


@dataclass(frozen=True)
class Generated:
    """Holds the model's outputs for N samples.

    Args:
        probability: (N, K) class probabilities.
        image: (N, C, H, W) generated images in [0, 1]; None without an image head.
        greedy: (N, T) int64, the captions decoded greedily; None without a text head.
        beam: (N, T) int64, the captions decoded by beam search; None without a text head.
    """

    probability: Tensor
    image: Tensor | None
    greedy: Tensor | None
    beam: Tensor | None


def read_caption(text: str, vocabulary: Vocabulary, max_words: int, note: Note = log.warning) -> Tensor:
    """Tokenize a caption like those of the training data: -> (1, T) int64.

    Words that are cut off or unknown are noted, by default logged as a warning.

    Raises:
        ValueError: if the caption is empty or has no word of the vocabulary.
    """
    words = tokenize(text)
    if not words:
        raise ValueError("text is empty: pass a caption")
    if len(words) > max_words:
        note(one_line(f"text: cut after {max_words} words, as in training; left out: {' '.join(words[max_words:])}"))
    tokens = vocabulary.encode([text], max_words).long()
    unknown = [repr(word) for word, token in zip(words, tokens[0, 1:].tolist(), strict=False) if token == UNK]
    if set(tokens[0].tolist()) <= {BOS, EOS, UNK}:
        raise ValueError(f"text: no word that the model learned is in {' '.join(words[:max_words])!r}")
    if unknown:
        note(f"text: the vocabulary lacks {', '.join(dict.fromkeys(unknown))}, read as <unk>")
    return tokens


def read_image(file: Path | BytesIO, size: int, channels: int, note: Note = log.warning) -> Tensor:
    """Decode and resize an image like those of the training data: -> (1, C, H, W) float in [0, 1].

    Black and white of an image of more than 8 bits are noted, by default logged as a warning.

    Raises:
        ValueError: if the file does not exist or cannot be decoded.
    """
    if isinstance(file, Path) and not file.is_file():
        advice = f" but a folder; samples={file} answers all its images" if file.is_dir() else ""
        raise ValueError(f"image: there is no file {file}{advice}")
    content = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    decoded = decode_one({"bytes": content, "path": None}, size, channels)
    name = file if isinstance(file, Path) else "the picture"
    if decoded.problem is not None:
        raise ValueError(f"image: {name} cannot be used: {decoded.problem}")
    limits = decoded.range_alone()
    if limits is not None:
        black, white = limits
        note(f"image: {name} has more than 8 bits; {black:g} is read as black, {white:g} as white")
    pixels = torch.frombuffer(bytearray(decoded.scaled_alone()), dtype=torch.uint8)
    return pixels.view(1, channels, size, size) / 255


def read_sample(
    inputs: dict[str, Any],
    model: MultimodalModel,
    vocabulary: Vocabulary,
    max_words: int,
    size: int,
    channels: int,
    note: Note = log.warning,
) -> Batch:
    """Build a batch of one sample; a modality without input is marked as missing.

    Args:
        inputs: {"text": caption, "image": path of an image file, or the file in memory}, or one of the two.
        model: tokenises the caption, if its text encoder has a tokenizer; the batch is on its device.
        vocabulary: vocabulary of the training data.
        max_words: words after which the training captions were cut.
        size: height and width of the training images in pixels.
        channels: channels of the training images.
        note: takes each thing that a user should know of how the sample is read.
    """
    device = next(model.parameters()).device
    subwords = model.tokenize([inputs.get("text", "")])
    tokens, image = torch.tensor([[BOS, EOS]]), torch.zeros(1, channels, size, size)
    if "text" in inputs:
        if subwords is None:
            tokens = read_caption(inputs["text"], vocabulary, max_words, note)
        elif not inputs["text"].strip():
            raise ValueError("text is empty: pass a caption")
    if "image" in inputs:
        image = inputs["image"]
        image = read_image(image if isinstance(image, BytesIO) else expanded(image), size, channels, note)
    nothing = torch.zeros(1, dtype=torch.int64, device=device)
    present = {name: torch.tensor([name in inputs], device=device) for name in ("image", "text")}
    return Batch(
        image.to(device),
        tokens.to(device),
        label=nothing,
        content=nothing,
        present=present,
        index=nothing,
        subwords=None if subwords is None else subwords.long().to(device),
    )


def join_samples(samples: list[Batch]) -> Batch:
    """Join samples of `read_sample` to one batch; captions are padded to the longest."""
    tokens = pad_sequence([sample.tokens[0] for sample in samples], batch_first=True, padding_value=PAD)
    rows = [sample.subwords[0] for sample in samples if sample.subwords is not None]  # of all samples or of none
    subwords = pad_sequence(rows, batch_first=True) if rows else None
    present = {m: torch.cat([sample.present[m] for sample in samples]) for m in samples[0].present}
    image, label = torch.cat([s.image for s in samples]), torch.cat([s.label for s in samples])
    index = torch.arange(len(label))
    return Batch(image, tokens, label, content=label, present=present, index=index, subwords=subwords)


def check_inputs(model: MultimodalModel, inputs: Iterable[str], fusion: str) -> None:
    """Raise ValueError for an input that the fusion does not read: "text", "image" or both may be given."""
    reads: Any = model.fusion
    ignored = sorted(set(inputs) - set(reads.modalities))
    if ignored:
        raise ValueError(f"the model fuses by {fusion}, which does not read {ignored[0]}")


@torch.no_grad()
def predict_samples(model: MultimodalModel, batch: Batch, beam_width: int) -> Generated:
    """Run every head on a batch of N samples; raise ValueError if their outputs are not finite."""
    model.eval()
    fused = model.fuse(model.encode(batch))
    heads: dict[str, Any] = dict(model.heads)
    image_head, text_head = heads.get("image"), heads.get("text")
    probability = model.classify(fused).float().softmax(-1).cpu()
    image = None if image_head is None else image_head(fused.z).float().cpu()
    if not (probability.isfinite().all() and (image is None or image.isfinite().all())):
        raise ValueError(
            "the model's outputs are not finite: its weights are too large; train it with a lower optimizer.lr"
        )
    return Generated(
        probability=probability,
        image=image,
        greedy=None if text_head is None else text_head.generate(fused.z).cpu(),
        beam=None if text_head is None else text_head.beam(fused.z, beam_width).cpu(),
    )


def likeliest(probability: Tensor, class_names: list[str], classes: int) -> str:
    """Format the `classes` most probable classes, best first: `seven 0.910, nine 0.050`."""
    best = probability.topk(min(classes, len(class_names))).indices.tolist()
    return ", ".join(f"{one_line(class_names[k])} {probability[k]:.3f}" for k in best)


def as_picture(image: Tensor) -> Image.Image:
    """Return a picture of 8 bits: (C, H, W) in [0, 1], grey or RGB."""
    levels = (image * 255).round().byte().movedim(0, -1).numpy()  # (H, W, C)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def write_png(image: Tensor, folder: Path, name: str, pixels: int) -> tuple[Path, Path]:
    """Write an image as PNG, once as it is and once enlarged; no file is overwritten.

    Args:
        image: (C, H, W) in [0, 1].
        folder: created if it does not exist.
        name: start of the file names.
        pixels: least height and width of the enlarged image.

    Returns:
        The two files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = as_picture(image)
    factor = -(-pixels // min(picture.size))  # a whole number, so that every pixel stays a square
    large = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    pairs = ((folder / f"{name}-{i}.png", folder / f"{name}-{i}-large.png") for i in count(1))
    files = next(pair for pair in pairs if not any(file.exists() for file in pair))
    picture.save(files[0])
    large.save(files[1])
    return files
