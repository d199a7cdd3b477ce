"""What the tests of the contracts share: models of any parts, and batches changed where nothing may show."""

from dataclasses import replace

import torch
from omegaconf import DictConfig

from multimodal.model import MultimodalModel
from multimodal.runs.build import build_model
from multimodal.types import Batch
from tests.helpers.toy import options

FUSIONS = options("fusion")


def build(config, *overrides: str) -> tuple[MultimodalModel, DictConfig]:
    cfg = config(*overrides)
    if "weights" in cfg.encoder.image:
        cfg = config(*overrides, "encoder.image.weights=none")
    torch.manual_seed(0)
    return build_model(cfg), cfg


def masked(batch: Batch, modality: str) -> Batch:
    """The second and fifth sample lose a modality."""
    present = torch.ones(6, dtype=torch.bool)
    present[[1, 4]] = False
    return batch.with_present(**{modality: present})


def changed(batch: Batch, modality: str) -> Batch:
    """Other content where `masked` hides it."""
    if modality == "image":
        image = batch.image.clone()
        image[[1, 4]] = torch.rand(2, 1, 28, 28)
        return replace(batch, image=image)
    tokens = batch.tokens.clone()
    tokens[[1, 4]] = tokens[[5, 0]]
    return replace(batch, tokens=tokens)


def said(model: MultimodalModel, batch: Batch) -> dict[str, torch.Tensor]:
    """All that does not follow from the caption by teacher forcing."""
    torch.manual_seed(1)
    fused = model.fuse(model.encode(batch))
    return {"z": fused.z, "label": model.classify(fused), "image": model.heads["image"](fused.z)}


def one(batch: Batch, i: int) -> Batch:
    """The i-th sample as a batch of one."""
    row = slice(i, i + 1)
    present = {m: p[row] for m, p in batch.present.items()}
    return Batch(batch.image[row], batch.tokens[row], batch.label[row], batch.content[row], present, batch.index[row])


GROUPS = ("encoder/image", "encoder/text", "missing", "fusion", "head/image", "head/text", "loss")
