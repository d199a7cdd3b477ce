"""Measure: interaction of the modalities, from predictions for all pairs of image and caption of some samples."""

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.sampling import sample_rows
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.metric.interaction import emap_error, emap_gap, shapley_image, shuffled
from multimodal.model import MultimodalModel
from multimodal.task.process import chance_level


class Interaction:
    """Computes the EMAP gap, the shuffle tests and the Shapley share.

    Args:
        num_samples: number of samples; all pairs of their images and captions are evaluated.
    """

    def __init__(self, num_samples: int) -> None:
        check_whole("evaluation.measures.interaction", 2, num_samples=num_samples)  # a shuffle needs two
        self.num_samples = num_samples

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `interaction`."""
        test = context.test
        rows = sample_rows(len(test), self.num_samples, context.seed)
        grid = answer_grid(context.model, test, rows, context.batch_size)
        accuracy = {condition: share(hits) for condition, hits in context.correct.items()}
        chance = chance_level(context.data.splits["train"].label, test.label)
        scores = interaction(grid, test.label[rows], accuracy, chance)
        return Measured(prefixed("interaction", scores))


@torch.no_grad()
def answer_grid(model: MultimodalModel, split: Split, rows: Tensor, batch_size: int) -> Tensor:
    """Classify every pair of image and caption of the samples at `rows` (n,).

    Args:
        model: in evaluation mode.
        split: holds the samples.
        rows: (n,) int64.
        batch_size: pairs to fuse at a time.

    Returns:
        (n, n, K) on the CPU, indexed [image, caption, class]: logits, or probabilities for a decision-level fusion,
        which averages probabilities.
    """
    device = next(model.parameters()).device
    encoded = model.encode(split.batch(rows, device))
    grid = []
    for pair in torch.arange(len(rows) ** 2, device=device).split(batch_size):
        image, caption = encoded["image"].rows(pair // len(rows)), encoded["text"].rows(pair % len(rows))
        fused = model.fuse({"image": image, "text": caption})
        logits = model.classify(fused).float()
        grid.append((logits if fused.logits is None else logits.softmax(-1)).cpu())
    return torch.cat(grid).unflatten(0, (len(rows), len(rows)))


def interaction(grid: Tensor, label: Tensor, accuracy: dict[str, float], chance: float) -> Scores:
    """Compute the EMAP gap, the accuracy with one side shuffled, and the image's Shapley share.

    Args:
        grid: (n, n, K) from `answer_grid`.
        label: (n,) labels of the same samples.
        accuracy: {condition: accuracy on the whole split}.
        chance: accuracy of always predicting the most frequent training label.

    Returns:
        `emap_gap`, its standard error `emap_gap_error`, `shuffle_text`, `shuffle_image` and `shapley_image`, each a
        value or the reason why it is undefined.
    """
    if len(label) < 2:
        names = ("emap_gap", "emap_gap_error", "shuffle_text", "shuffle_image", "shapley_image")
        return dict.fromkeys(names, "one sample has no other")
    shapley = shapley_image(accuracy["both"], accuracy["image"], accuracy["text"], chance)
    return {
        "emap_gap": emap_gap(grid, label),
        "emap_gap_error": emap_error(grid, label),
        **shuffled(grid, label),
        "shapley_image": defined(shapley, "the modalities add too little to be shared out"),
    }
