"""Sample order, augmentation and modality dropout, each determined by seed and step."""

from dataclasses import replace

import torch
from lightning_fabric import Fabric

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.training.modality_dropout import ModalityDropout, generator
from multimodal.types import Batch, sent

ORDER, MASKS, MOVES = 0, 1, 2  # purposes of random generators, so that no two share a stream


class BatchSampler:
    """Shuffled training batches: batch i depends on the seed and on i alone.

    Args:
        split: the training split.
        augment: augmentation of the images.
        size: samples per batch, over all processes.
        modality_dropout: draws which modalities each sample misses.
        seed: seed of order, masks and augmentation.
        fabric: determines the part of each batch that this process takes.
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
        self.epoch, self.order = -1, torch.empty(0, dtype=torch.int64)  # none drawn yet

    def at(self, step: int, progress: float = 1.0) -> Batch:
        """Return this process's part of a batch.

        Args:
            step: number of the batch, counted over all epochs from 0.
            progress: share of the training that is done.
        """
        epoch, i = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            shuffled = torch.randperm(len(self.split), generator=generator(self.seed, ORDER, epoch))
            self.epoch, self.order = epoch, shuffled
        rows = self.order[i * self.size : (i + 1) * self.size][self.part]
        present = self.modality_dropout.draw(self.size, self.seed, MASKS, step, progress=progress)
        moves = self.augment.draw(self.size, generator(self.seed, MOVES, step))
        batch = self.split.batch(rows, self.device)
        if "image" not in batch.features:  # those are of the images as they are
            batch = replace(batch, image=self.augment(batch.image, sent(moves[self.part], self.device)))
        return batch.with_present(**{m: mask[self.part] for m, mask in present.items()})
