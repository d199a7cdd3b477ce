import torch

from multimodal.caption.original import OriginalCaptions


def test_nothing_is_changed():
    captions = {"train": ["A Cat, sitting.", ""], "test": ["👩‍🚀 dog"]}
    content = {"train": torch.tensor([0, 1]), "test": torch.tensor([1])}
    told = OriginalCaptions().apply(captions, content, ["cat", "dog"])
    assert told.texts == {"train": ["A Cat, sitting.", ""], "test": ["👩‍🚀 dog"]}
    assert told.names_class
    assert told.tables == {}
