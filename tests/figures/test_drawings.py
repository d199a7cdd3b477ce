"""The figure of several drawings for one caption."""

from dataclasses import replace

import pytest
import torch

from multimodal.evaluation.context import Drawings
from multimodal.figures.drawings import draw_drawings
from tests.helpers.made_up_results import TITLE, check_layout, draw_every_figure, made_up_run, pictures, visible_texts


def drawn_run(classes: int, words: int, channels: int = 1) -> tuple:
    data, results = made_up_run(classes, 2, words, channels)
    rows = torch.arange(0, 2 * classes, 2)
    image = torch.randint(0, 256, (classes, 4, channels, 8, 8)).byte()
    metrics = results.metrics | {"text_to_image/diversity": 0.4321}
    return data, replace(results, drawings=Drawings(rows, image), metrics=metrics)


@pytest.mark.parametrize(("classes", "words", "channels"), [(2, 3, 1), (12, 7, 3), (20, 100, 3)])
def test_each_caption_has_its_image_and_its_drawings(classes: int, words: int, channels: int) -> None:
    data, results = drawn_run(classes, words, channels)
    figure = draw_drawings(TITLE, data, results, results.drawings, seed=0)
    check_layout(figure)
    count = min(12, classes)
    shown = [picture.get_array().shape[:2] for picture in pictures(figure)]
    assert shown == [(8, 8)] * (count * 5)
    texts = [text.get_text() for text in visible_texts(figure)]
    assert any("0.432" in text for text in texts)
    assert {"caption", "real", "drawings"} <= set(texts)  # heads of the columns


def test_only_a_model_that_draws_at_random_has_it() -> None:
    data, results = drawn_run(2, 3)
    assert "drawings" in draw_every_figure(data, results)
    assert "drawings" not in draw_every_figure(data, replace(results, drawings=None))
    meaningless = replace(data, undefined={"text_to_image": "the task says no"})
    assert "drawings" not in draw_every_figure(meaningless, results)
