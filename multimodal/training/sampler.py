"""The order of the training samples, how they are moved, and who misses what: functions of seed and step."""

from dataclasses import replace

import torch
from lightning_fabric import Fabric

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.training.modality_dropout import ModalityDropout, generator
from multimodal.types import Batch

ORDER, MASKS, MOVES = 0, 1, 2  # what a random generator is for, so that no two streams are alike


class BatchSampler:
    """Shuffled training batches: batch i depends on the seed and on i alone.

    Args:
        split: to draw from.
        augment: moves the images.
        size: samples a batch, over all processes.
        modality_dropout: who misses what.
        seed: of order and masks.
        fabric: which process takes which part of a batch.
    """

    def __init__(
        self,
        split: Split,
        augment: Augment,
        size: int,
        modality_dropout: ModalityDropout,
        seed: int,
        fabric: Fabric,
    ) -> None:
        self.split, self.augment, self.size = split, augment, size
        self.modality_dropout, self.seed = modality_dropout, seed
        self.device = fabric.device
        self.part = slice(fabric.global_rank, None, fabric.world_size)
        self.per_epoch = len(split) // size  # the last, smaller batch of an epoch is left out
        self.epoch, self.order = None, None

    def at(self, step: int, progress: float = 1.0) -> Batch:
        """Batch number `step`, counted over all epochs, this process's part; `progress`: share of the training."""
        epoch, i = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            shuffled = torch.randperm(len(self.split), generator=generator(self.seed, ORDER, epoch))
            self.epoch, self.order = epoch, shuffled
        rows = self.order[i * self.size : (i + 1) * self.size][self.part]
        present = self.modality_dropout.draw(self.size, self.seed, MASKS, step, progress=progress)
        moves = self.augment.draw(self.size, generator(self.seed, MOVES, step))
        batch = self.split.batch(rows, self.device)
        batch = replace(batch, image=self.augment(batch.image, moves[self.part]))
        return batch.with_present(**{m: mask[self.part].to(self.device) for m, mask in present.items()})
