"""A tiny model, its data and its training, shared by the tests of this folder."""

from functools import partial

import torch
from torch import nn

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.encoder.image.cnn import CNN
from multimodal.encoder.text.recurrent import BidirectionalRNN
from multimodal.fusion.concat import ConcatFusion
from multimodal.head.image.upconv import UpConv
from multimodal.head.label.mlp import MLP
from multimodal.head.text.lstm import LSTMDecoder
from multimodal.io import read_csv
from multimodal.loss.image import ImageSquaredError
from multimodal.loss.label import LabelCrossEntropy
from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE
from multimodal.loss.text import TokenCrossEntropy
from multimodal.loss.weighted import WeightedLoss
from multimodal.missing.learned import Learned
from multimodal.model import MultimodalModel
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.schedule import warmup_cosine
from multimodal.training.trainer import Trainer
from tests.helpers.toy import toy_data

CAPTIONS = ["a one", "now a two", "three"]
VOCABULARY = Vocabulary.of(CAPTIONS)


def adamw(lr: float = 1e-2, weight_decay: float = 0.05) -> partial:
    """The optimizer as conf/optimizer/adamw.yaml builds it."""
    return partial(torch.optim.AdamW, lr=lr, weight_decay=weight_decay, fused=True)


class FakeLoss(nn.Module):
    """A loss for tests to derive from, that leaves the gradients alone."""

    def after_backward(self, encoders) -> None:
        pass


SETTINGS = {
    "steps": 12,
    "epochs": None,
    "batch_size": 8,
    "accumulation": 1,
    "optimizer": adamw(),
    "scheduler": partial(warmup_cosine, warmup_fraction=0.1),
    "gradient_clip_norm": 1.0,
    "ema_decay": None,
    "modality_dropout": ModalityDropout(0.3, 0.3, 0.0),
    "num_validations": 3,
    "select": "loss",
    "patience": 100,
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "strategy": "auto",
    "precision": "32-true",
    "compile": False,
}
EXTRA = {"record": {"dim": 8}, "vocabulary": VOCABULARY.words}


def split(size: int, seed: int) -> Split:
    """Images whose class is the row that is lit, captions that name it."""
    label = torch.arange(size) % 3
    image = torch.randint(0, 60, (size, 1, 12, 12), generator=torch.Generator().manual_seed(seed)).byte()
    image[torch.arange(size), :, 2 + 4 * label] = 250
    tokens = VOCABULARY.encode([CAPTIONS[i] for i in label], 7)
    return Split(image, tokens, label, label)


DATA = toy_data("toy", "embedded", {"train": split(30, 0), "validation": split(9, 1)}, VOCABULARY, ["1", "2", "3"])


def build() -> tuple[MultimodalModel, WeightedLoss]:
    """The same tiny model and loss at every call."""
    torch.manual_seed(0)
    model = MultimodalModel(
        encoders={"image": CNN(8, 1, 12, 1, [8, 8]), "text": BidirectionalRNN(8, len(VOCABULARY), 0.1, "LSTM")},
        missing=Learned(8, ["image", "text"]),
        fusion=ConcatFusion(8, ["image", "text"], 16),
        heads={
            "label": MLP(8, 3, 0.1),
            "image": UpConv(8, 1, 12, 8),
            "text": LSTMDecoder(8, len(VOCABULARY), 7, 0.1),
        },
    )
    terms = {"label": LabelCrossEntropy(0.0), "image": ImageSquaredError(), "text": TokenCrossEntropy()}
    terms["contrastive"] = MultiPositiveInfoNCE(0.1, True)
    return model, WeightedLoss(terms, {"label": 1.0, "image": 10.0, "text": 1.0, "contrastive": 0.2})


def fit(folder, seed=0, log=lambda row: None, model=None, loss=None, resume=False, data=DATA, **changed):
    """(history, model, loss) after training with some settings changed."""
    built = build()
    model, loss = model or built[0], loss or built[1]
    torch.manual_seed(seed)
    history = Trainer(**(SETTINGS | changed)).fit(model, loss, data, folder, seed, log, EXTRA, resume)
    return history, model, loss


def timeless(history):
    """The history without what the clock says."""
    return [{name: v for name, v in row.items() if name != "train/samples_per_s"} for row in history]


def left(folder):
    """What a run left, without what the clock says."""
    last = load_checkpoint(folder / "last.pt")
    for process in last["processes"]:
        del process["means"]["seconds"]
    histories = {"last": timeless(last.pop("history")), "csv": timeless(read_csv(folder / "history.csv"))}
    return {"last": last, "best": load_checkpoint(folder / "best.pt"), "histories": histories}


def same(one, other):
    """Equal to the bit, tensors in dicts and lists as well."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other
