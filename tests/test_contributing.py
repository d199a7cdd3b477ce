"""The contributing page's example of a measure works."""

import re
from types import SimpleNamespace

import torch

from multimodal.evaluation.context import Context, Measured
from tests.helpers.toy import ROOT


def test_the_example_of_a_measure_measures() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"Context": Context, "Measured": Measured}
    exec(code, names)
    probability = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    predictions = SimpleNamespace(probability={"both": probability})
    context = SimpleNamespace(predictions=predictions, test=SimpleNamespace(label=torch.tensor([0, 0, 1])))
    assert names["Mine"]()(context).scores == {"mine/first_class": 0.5}
