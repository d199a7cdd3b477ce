"""Training and evaluation speed as three ratios, all sides timed in turn in one process.

python scripts/speed.py dataset=mnist dataset.source=embedded

1. epochs: whole epochs of the trainer against the same model stepping on one fixed batch in memory.
2. plain: the same epochs against the script one would write first: decode and tokenise in `__getitem__`,
   the default `DataLoader`, float32, captions padded to the most words, four `.item()` a step. It drops no
   modality; the trainer drops some and does not encode what it drops: that is part of the difference.
3. evaluation: every condition's answers, greedy captions, images and retrieval against one plain forward pass,
   both over the test split, of an untrained model, whose captions do not end before the longest.
"""

import statistics
import tempfile
import time
from pathlib import Path

import datasets
import hydra
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset

from multimodal.dataset.data import Data
from multimodal.dataset.reading.sources import read_source
from multimodal.evaluation.predict import predict
from multimodal.metric.retrieval import retrieval
from multimodal.runs.build import build_loss, build_model, read_data
from multimodal.training.sampler import BatchSampler
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import BOS, EOS, PAD, UNK, Batch

ROUNDS, STEPS, WARM_UP = 5, 20, 5


def epochs(cfg: DictConfig, data: Data) -> float:
    """Samples a second as the trainer itself reports them, after a first stretch that warms up."""
    half = max(STEPS, len(data.splits["train"]) // cfg.training.batch_size)  # an epoch, if it is no shorter
    trainer = instantiate(cfg.training, steps=2 * half, epochs=None, validations=2, _convert_="all")
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    with tempfile.TemporaryDirectory() as folder:
        kept = {"record": {}, "vocabulary": []}
        return trainer.fit(model, loss, data, Path(folder), 0, lambda row: None, kept)[1]["train/samples_per_s"]


def fixed(cfg: DictConfig, data: Data) -> float:
    """Samples a second of the same step on one batch."""
    trainer = instantiate(cfg.training, _convert_="all")
    objective = TrainingStep(build_model(cfg, data), build_loss(cfg, data))
    objective, optimizer = trainer.fabric.setup(objective, torch.optim.AdamW(objective.parameters(), fused=True))
    size = cfg.training.batch_size
    batches = BatchSampler(data.splits["train"], data.augment, size, trainer.modality_dropout, 0, trainer.fabric)
    share = 1 - cfg.training.modality_dropout.image  # absent images cost nothing: the batch must have its share of them
    batch = min(map(batches.at, range(20)), key=lambda b: abs(b.present["image"].float().mean() - share))
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            began = time.perf_counter()
        trainer.fabric.backward(objective(ExactBatch(batch))["loss"])
        trainer.fabric.clip_gradients(objective, optimizer, max_norm=trainer.clip)
        optimizer.step()
        optimizer.zero_grad()
    return STEPS * size / (time.perf_counter() - began)


class PlainDataset(Dataset):
    """Decodes and tokenises each time it is asked."""

    def __init__(self, cfg: DictConfig, rows: datasets.Dataset, words: dict[str, int]) -> None:
        self.cfg, self.rows, self.words = cfg, rows, words

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Image (C, H, W), tokens of full length, label."""
        row, size = self.rows[i], self.cfg.image_size
        image = row["image"].convert("L" if self.cfg.channels == 1 else "RGB").resize((size, size))
        pixels = torch.from_numpy(np.atleast_3d(np.array(image))).permute(2, 0, 1).float() / 255
        words = row["caption"].lower().replace(",", " ,").replace(".", " .").split()[: self.cfg.max_words]
        tokens = [BOS, *(self.words.get(word, UNK) for word in words), EOS]
        return pixels, torch.tensor(tokens + [PAD] * (self.cfg.max_words + 2 - len(tokens))), row["label"]


def plain(cfg: DictConfig, data: Data) -> float:
    """Samples a second of the plain script, the same model in it."""
    embedded = instantiate(cfg.dataset.embedded)
    rows = read_source(cfg.dataset.source, cfg.dataset.path, cfg.dataset.hub_id, embedded)[0]["train"]
    loader = DataLoader(PlainDataset(cfg.dataset, rows, data.vocabulary.numbers), cfg.training.batch_size, shuffle=True)
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    optimizer = torch.optim.AdamW([*model.parameters(), *loss.parameters()], cfg.optimizer.lr)
    batches = iter(loader)
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            began = time.perf_counter()
        image, tokens, label = next(batches)
        present = torch.ones(len(label), dtype=torch.bool)
        batch = Batch(image, tokens, label, label, {"image": present, "text": present}, torch.arange(len(label)))
        output = model(batch)
        terms = loss(output, batch)
        optimizer.zero_grad()
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.training.gradient_clip_norm)
        optimizer.step()
        [terms[name].item() for name in ("loss", "label", "image", "text")]
    return STEPS * cfg.training.batch_size / (time.perf_counter() - began)


@torch.no_grad()
def evaluation(cfg: DictConfig, data: Data) -> float:
    """Seconds of the evaluation over seconds of a plain forward pass."""
    model, test, size = build_model(cfg, data).eval(), data.splits["test"], cfg.evaluation.batch_size
    equal = test.tokens.unique(dim=0, return_inverse=True)[1]
    began = time.perf_counter()
    for batch in test.batches(size):
        model(batch)
    plain = time.perf_counter() - began
    began = time.perf_counter()
    said = predict(model, test, size).encoded
    for query, candidate in (("image", "text"), ("text", "image")):
        retrieval(said[query], said[candidate], equal, test.content, 0, text_query=query == "text")
    return (time.perf_counter() - began) / plain


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> None:
    """Times all three in turn and prints medians and ratios."""
    data = read_data(cfg)
    seen = {side.__name__: [] for side in (epochs, fixed, plain)}
    for _ in range(ROUNDS):
        for side in (epochs, fixed, plain):
            seen[side.__name__].append(side(cfg, data))
    for name, speeds in seen.items():
        print(f"{name:8s} {statistics.median(speeds):8.0f} samples/s, of {', '.join(f'{s:.0f}' for s in speeds)}")
    for name in ("fixed", "plain"):
        ratios = [ours / other for ours, other in zip(seen["epochs"], seen[name], strict=True)]
        print(f"epochs / {name}: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    ratios = [evaluation(cfg, data) for _ in range(ROUNDS + 1)][1:]
    print(f"evaluation / forward: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
