"""The page of a made-up run, as an evaluation leaves it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from multimodal.dataset.card import make_card
from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.pages.run_page import write_run_page
from multimodal.pages.samples import write_samples
from multimodal.runs.record import RunRecord
from tests.helpers.made_up_results import TRAINING, made_up_run


def with_card(data: Data) -> Data:
    """The data with its card."""
    captions = {split: data.vocabulary.decode(part.tokens) for split, part in data.splits.items()}
    card = make_card(captions, data.limits, data.splits, data.vocabulary, data.class_names, 100, [])
    return replace(data, card=card | {"source": "embedded", "revision": None, "near_duplicates": []})


def made_up_record(**changed: Any) -> RunRecord:
    """Of a run of attention on the toy data."""
    facts = {
        "config": {"seed": 3, "training": TRAINING | {"steps": 30, "precision": "32-true"}},
        "choices": {"dataset": "toy", "fusion": "attention", "caption": "original", "task": "redundant"},
        "overrides": ["fusion=attention", "text='a cat, ears up'"],
        "data_source": "embedded",
        "fingerprint": "fff",
        "weights": {},
        "checkpoint": None,
        "key": "abc",
        "evaluation_key": "def",
        "code": "",
        "fusion_code": "",
    }
    return RunRecord(**(facts | changed))


def write_page(
    folder: Path, data: Data | None = None, results: Results | None = None, figures: int = 2, **record: Any
) -> Path:
    """`run.html` of a model that guesses, 4 samples of each of 9 classes."""
    known = made_up_run(9, 4, 5)
    data, results = with_card(data or known[0]), results or known[1]
    files = {name: folder / f"{name}.png" for name in ("generation", "curves", "novel")[:figures]}
    for file in files.values():
        Image.linear_gradient("L").resize((1950, 900)).save(file)
    samples = write_samples(predictions_of_test(data, results.predictions, results.reads, 200), folder)
    history = [{"step": step, "validation/loss": abs(step - 20)} for step in (10, 20, 30)]
    return write_run_page(folder, made_up_record(**record), data, history, results, files, samples)
