"""The contributing page's examples of a measure and of a tracker work."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import torch

from multimodal.evaluation.context import Context, Measured
from multimodal.tracking.tracker import Detail, TrackedRun
from tests.helpers.toy import ROOT


def test_the_example_of_a_measure_measures() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"Context": Context, "Measured": Measured}
    exec(code, names)
    probability = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    predictions = SimpleNamespace(probability={"both": probability})
    context = SimpleNamespace(predictions=predictions, test=SimpleNamespace(label=torch.tensor([0, 0, 1])))
    assert names["Mine"]()(context).scores == {"mine/first_class": 0.5}


def test_the_example_of_a_tracker_tracks(tmp_path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"Detail": Detail, "Path": Path, "Self": Self, "TrackedRun": TrackedRun}
    exec(code, names)
    tracker = names["LinesTracker"](50).open(tmp_path, TrackedRun("key", "one", "", "train", [], {}, resume=True))
    tracker.log({"step": 1})
    assert tracker.opened
    assert (tmp_path / "lines.txt").read_text() == "{'step': 1}\n"
