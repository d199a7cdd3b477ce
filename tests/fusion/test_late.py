"""Late fusion."""

import torch

from multimodal.fusion.late import LateFusion
from tests.helpers.toy import encodings, without


def test_the_decision_is_the_mean_probability_of_who_is_there() -> None:
    torch.manual_seed(0)
    fusion, encoded = LateFusion(8, ["image", "text"], 3, 12), without(encodings(8), "image", [2])
    probability = {m: fusion.classifiers[m](fusion.maps[m](encoded[m].pooled)).softmax(-1) for m in ("image", "text")}
    mean = (probability["image"] + probability["text"]) / 2
    expected = torch.stack([mean[0], mean[1], probability["text"][2]])
    torch.testing.assert_close(fusion(encoded).logits.softmax(-1), expected)
    image, text = (fusion.maps[m](encoded[m].pooled) for m in ("image", "text"))
    expected = torch.stack([(image[0] + text[0]) / 2, (image[1] + text[1]) / 2, text[2]])
    torch.testing.assert_close(fusion(encoded).z, expected)


def test_logits_stay_finite_where_one_modality_is_certain() -> None:
    fusion, encoded = LateFusion(8, ["image", "text"], 3, 12), encodings(8)
    with torch.no_grad():
        fusion.classifiers["image"].bias.copy_(torch.tensor([1000.0, 0.0, 0.0]))
    fused = fusion(without(encoded, "text", [0]))
    assert fused.logits.isfinite().all()
    fused.logits.sum().backward()
    assert all(p.grad.isfinite().all() for p in fusion.parameters() if p.grad is not None)
