"""Measure: does the answer need both modalities? Every image of some samples is answered with every caption."""

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.sampling import sample_rows
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.metric.blind import chance_level
from multimodal.metric.interaction import emap_gap, shapley_image, shuffled
from multimodal.model import MultimodalModel


class Interaction:
    """EMAP gap, shuffle tests and Shapley share.

    Args:
        num_samples: whose images meet all of their captions.
    """

    def __init__(self, num_samples: int) -> None:
        check_whole("evaluation.measures.interaction", 2, num_samples=num_samples)  # each image meets another's caption
        self.num_samples = num_samples

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `interaction`."""
        test = context.test
        rows = sample_rows(len(test), self.num_samples, context.seed)
        grid = answer_grid(context.model, test, rows)
        accuracy = {condition: share(right) for condition, right in context.correct.items()}
        scores = interaction(grid, test.label[rows], accuracy, chance_level(test.label))
        return Measured(prefixed("interaction", scores))


@torch.no_grad()
def answer_grid(model: MultimodalModel, split: Split, rows: Tensor) -> Tensor:
    """Answer every image with every caption of the samples at `rows` (n,): -> (n, n, K) on the CPU, [image, caption].

    Logits; of a fusion that decides by itself probabilities, which is what it adds up.
    """
    device = next(model.parameters()).device
    encoded = model.encode(split.batch(rows, device))
    captions = torch.arange(len(rows), device=device)
    grid = []
    for i in range(len(rows)):
        image = encoded["image"].rows(captions.new_full((len(rows),), i))
        fused = model.fuse(encoded | {"image": image})
        answer = model.classify(fused).float()
        grid.append((answer if fused.logits is None else answer.softmax(-1)).cpu())
    return torch.stack(grid)


def interaction(grid: Tensor, label: Tensor, accuracy: dict[str, float], chance: float) -> Scores:
    """Compute the EMAP gap, the accuracy with one side shuffled, and the image's Shapley share.

    Args:
        grid: (n, n, K) from `answer_grid`.
        label: (n,) of the same samples.
        accuracy: {condition: value} on the whole split.
        chance: accuracy without any input, that of the most frequent label.
    """
    if len(label) < 2:
        return dict.fromkeys(("emap_gap", "shuffle_text", "shuffle_image", "shapley_image"), "one sample has no other")
    shapley = shapley_image(accuracy["both"], accuracy["image"], accuracy["text"], chance)
    return {
        "emap_gap": emap_gap(grid, label),
        **shuffled(grid, label),
        "shapley_image": defined(shapley, "the modalities add too little to be shared out"),
    }
