"""The rule that wrote the captions, as a judge of images."""

import numpy as np
import torch

from multimodal.judge.attributes import AttributeJudge

STATED = [{"tone": "dark", "species": "cat"}, {"tone": "pale", "side": "left"}, {}]


def rule(image: np.ndarray, name: str) -> dict[str, str]:
    """Tone and brighter side, of anything that is not black."""
    if not image.any():
        return {}
    side = "left" if image[:, :2].sum() > image[:, 2:].sum() else "right"
    return {"tone": "pale" if image.max() > 127 else "dark", "side": side}


def judge() -> AttributeJudge:
    real = torch.full((3, 1, 4, 4), 200, dtype=torch.uint8)
    return AttributeJudge(rule, STATED, ["cat", "dog", "dog"], real)


def test_each_image_is_judged_by_what_its_own_caption_states_and_the_rule_measures() -> None:
    left_and_pale = torch.zeros(1, 4, 4)
    left_and_pale[:, :, :2] = 0.9
    found = judge().judge(torch.stack([left_and_pale, left_and_pale, left_and_pale]), torch.tensor([0, 1, 2]))
    assert found[:2].tolist() == [0, 1]  # species is nothing that this rule measures
    assert found[2].isnan()  # states nothing
    right_and_pale = left_and_pale.flip(2)
    assert judge().judge(right_and_pale[None], torch.tensor([1])).tolist() == [0.5]


def test_an_image_without_content_has_no_attribute() -> None:
    assert judge().judge(torch.zeros(2, 1, 4, 4), torch.tensor([0, 1])).tolist() == [0, 0]


def test_whole_numbers_and_shares_of_brightness_are_judged_alike() -> None:
    image = torch.randint(256, (3, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([1, 0, 1])
    assert torch.equal(judge().judge(image, rows), judge().judge(image.float() / 255, rows))


def test_the_rule_gets_colours_last() -> None:
    shapes = []
    AttributeJudge(lambda image, name: shapes.append(image.shape) or {}, [{}], ["cat"], torch.zeros(1, 3, 4, 5).byte())
    assert shapes == [(4, 5, 3)]
