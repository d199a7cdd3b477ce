"""Tiny data, encodings and configs that tests share."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import multimodal.run  # noqa: F401  registers the resolvers of conf/
from multimodal.dataset.builtin.digit_grammar import parse
from multimodal.dataset.data import Data, Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.training.device import computes_bf16
from multimodal.types import Encoded, Limits
from tests.helpers.pretrained import files_of

needs_bf16 = pytest.mark.skipif(not computes_bf16(), reason="this CPU cannot compute in bf16")


ROOT = Path(__file__).parent.parent.parent


CONF = ROOT / "conf"


SIZES = {"num_classes": 3, "vocab_size": 20, "max_length": 8, "channels": 1, "image_size": 28}


@cache  # a twentieth of a second each, and code never writes to a config
def composed(*overrides: str) -> DictConfig:
    """With a small width, and the sizes of a tiny dataset."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.merge(compose("config", [*files_of(overrides), *overrides, "dim=16"]), {"sizes": SIZES})


def options(group: str) -> list[str]:
    """Names of the YAML files of a group, found and not listed."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def toy_data(
    name: str,
    source: str,
    splits: dict[str, Split],
    vocabulary: Vocabulary,
    class_names: list[str],
    fingerprint: str = "0",
) -> Data:
    """A dataset of these splits, as a caption mode and a task that change nothing leave it."""
    return Data(
        name=name,
        source=source,
        splits=splits,
        vocabulary=vocabulary,
        class_names=class_names,
        names_class=True,
        limits=Limits(chance=0.5, image=1.0, text=1.0, both=1.0, product=1.0),
        undefined={},
        grammar=parse,
        image_attributes=None,
        augment=Augment(0, 0, 0, False),
        fingerprint=fingerprint,
        card={},
        tables={},
    )


def encodings(dim: int) -> dict[str, Encoded]:
    """Three samples with both modalities: 4 image tokens, 5 words of which the first caption has three."""
    generator = torch.Generator().manual_seed(0)
    present, valid = torch.ones(3, dtype=torch.bool), torch.ones(3, 5, dtype=torch.bool)
    valid[0, 3:] = False

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    image = Encoded(draw(3, dim), draw(3, 4, dim), torch.ones(3, 4, dtype=torch.bool), present)
    return {"image": image, "text": Encoded(draw(3, dim), draw(3, 5, dim), valid, present)}


def without(encoded: dict[str, Encoded], modality: str, rows: list[int]) -> dict[str, Encoded]:
    """These samples lack a modality."""
    present = encoded[modality].present.clone()
    present[rows] = False
    return encoded | {modality: replace(encoded[modality], present=present)}
