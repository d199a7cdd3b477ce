import torch

from multimodal.task.redundant import RedundantTask
from multimodal.types import Captions

IMAGE = {split: torch.zeros(3, 1, 4, 4, dtype=torch.uint8) for split in ("train", "test")}
CONTENT = {"train": torch.tensor([0, 0, 1]), "test": torch.tensor([0, 1, 1])}


def test_nothing_is_changed_and_either_modality_may_answer():
    captions = {"train": ["a cat", "", "a dog"], "test": ["a cat", "dog", "dog"]}
    made = RedundantTask().apply(IMAGE, Captions(captions, names_class=True), CONTENT, ["cat", "dog"])
    assert made.image is IMAGE
    assert made.captions is captions
    assert made.label is made.content is CONTENT
    assert (made.names_class, made.writes_captions, made.flippable, made.undefined) == (True, False, True, {})
    ceilings = ("ceiling", "image_ceiling", "text_ceiling", "product_ceiling")
    assert made.limits.named() == dict.fromkeys(ceilings, 1.0) | {"chance": 1 / 3}


def test_what_captions_tell_that_name_no_class_is_not_known():
    captions = Captions({"train": ["a"] * 3, "test": ["a"] * 3}, names_class=False)
    limits = RedundantTask().apply(IMAGE, captions, CONTENT, ["cat", "dog"]).limits
    assert isinstance(limits.text, str)
    assert limits.both == 1
