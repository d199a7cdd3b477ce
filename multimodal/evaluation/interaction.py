"""Does the answer need both modalities? Every image of some samples is answered with every caption."""

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.scores import Scores, defined
from multimodal.metric.interaction import emap_gap, shapley_image, shuffled
from multimodal.model import MultimodalModel


@torch.no_grad()
def answer_grid(model: MultimodalModel, split: Split, rows: Tensor) -> Tensor:
    """(n, n, K) on the CPU: [i, j] answers image i with caption j of the samples at `rows` (n,).

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


def interaction(grid: Tensor, label: Tensor, accuracy: Scores, chance: float) -> Scores:
    """EMAP gap, shuffle test and Shapley share.

    Args:
        grid: (n, n, K) from `answer_grid`.
        label: (n,) of the same samples.
        accuracy: has `accuracy/both`, `accuracy/image` and `accuracy/text`.
        chance: accuracy without any input, that of the most frequent label.
    """
    if len(label) < 2:
        return dict.fromkeys(("emap_gap", "shuffle_text", "shuffle_image", "shapley_image"), "one sample has no other")
    both, image, text = (float(accuracy[f"accuracy/{condition}"]) for condition in ("both", "image", "text"))
    shapley = shapley_image(both, image, text, chance)
    return {
        "emap_gap": emap_gap(grid, label),
        **shuffled(grid, label),
        "shapley_image": defined(shapley, "the modalities add too little to be shared out"),
    }
