"""What a trained run answers to an image, a caption, or both: outputs, attention, and notes for the user."""

from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from multimodal.api import TrainedRun
from multimodal.errors import describe
from multimodal.evaluation.attention import word_attention
from multimodal.figures.attention import color_limits, maps_of_words, overlay_attention
from multimodal.inference import as_picture, check_inputs, predict_samples, read_sample
from multimodal.model import no_head
from multimodal.types import MODALITIES, Batch

Attended = list[tuple[Image.Image, str]]  # for each word of a caption its attention over the image, and the word


@dataclass(frozen=True)
class Answer:
    """Holds what a run answers to one sample.

    Args:
        probability: {class name: probability}; empty if there is a problem.
        caption: decoded by beam search; None without a text head.
        image: generated; None without an image head.
        attention: of each word; empty if the fusion has no attention, or lacks the image or the caption.
        notes: how the sample was read, and what the model lacks.
        problem: why there is no answer, or None.
    """

    probability: dict[str, float] = field(default_factory=dict)
    caption: str | None = None
    image: Image.Image | None = None
    attention: Attended = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None


def answer_sample(run: TrainedRun, inputs: dict[str, Any], beam_width: int) -> Answer:
    """Answer one sample; what a user can mend is the answer's `problem`, and nothing is raised for it.

    The model is loaded by the first answer, and kept.

    Args:
        run: the trained run.
        inputs: {"text": caption, "image": an image file in memory}, or one of the two. An input that the fusion does
            not read is left out if it reads the other, with a note.
        beam_width: hypotheses that the beam search keeps.
    """
    notes: list[str] = []
    try:
        fusion: Any = run.model.fusion
        read = {name: value for name, value in inputs.items() if name in fusion.modalities} or inputs
        check_inputs(run.model, read, run.record.fusion)
        notes += [f"{run.record.fusion} does not read the {MODALITIES[name]}" for name in inputs if name not in read]
        checkpoint = run.checkpoint
        data = checkpoint.config.dataset
        sizes = (data.max_words, data.image_size, data.channels)
        batch = read_sample(read, run.model, checkpoint.vocabulary, *sizes, notes.append)
        generated = predict_samples(run.model, batch, beam_width)
    except (ValueError, OSError) as error:
        return Answer(problem=describe(error), notes=notes)
    notes += [no_head(head) for head in ("image", "text") if head not in run.model.heads]
    return Answer(
        probability=dict(zip(checkpoint.class_names, generated.probability[0].tolist(), strict=True)),
        caption=None if generated.beam is None else checkpoint.vocabulary.decode(generated.beam)[0],
        image=None if generated.image is None else as_picture(generated.image[0]),
        attention=attended_words(run, batch) if len(read) == len(MODALITIES) else [],
        notes=notes,
    )


def attended_words(run: TrainedRun, batch: Batch) -> Attended:
    """Draw the attention of each word of a caption over the image; an empty list if the fusion has none.

    Args:
        run: the trained run.
        batch: one sample with both modalities.
    """
    weights = word_attention(run.model, batch)
    if weights is None:
        return []
    subwords = None if batch.subwords is None else run.model.subword_texts(batch.subwords)[0]
    words, maps = maps_of_words(batch.tokens[0].cpu(), subwords, weights[0], run.checkpoint.vocabulary)
    uniform, highest = color_limits(maps)
    image = (batch.image[0].cpu() * 255).round().to(torch.uint8)
    return [
        (overlay_picture(image, (m - uniform) / (highest - uniform)), word) for word, m in zip(words, maps, strict=True)
    ]


def overlay_picture(image: Tensor, weights: Tensor) -> Image.Image:
    """Return a picture of weights (h, w) over an image (C, H, W) uint8, in the colours of the run's figure."""
    return as_picture(overlay_attention(image, weights))
