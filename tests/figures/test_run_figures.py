import re
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.attention import AttentionMaps
from multimodal.evaluation.evaluator import Results
from multimodal.figures.availability import draw_availability, lowest_shown
from multimodal.figures.curves import best_row, draw_curves, quantities
from multimodal.figures.generation import draw_generation
from multimodal.figures.latent import draw_latent
from multimodal.figures.layout import WRONG
from multimodal.figures.masking import draw_masking
from multimodal.figures.run_figures import RunFigures
from multimodal.figures.tsne import name_classes, tsne_places
from tests.helpers.made_up_results import (
    TITLE,
    check_layout,
    draw_every_figure,
    made_up_history,
    made_up_run,
    pictures,
    visible_texts,
)

NAMES = {"curves", "imbalance", "tsne", "embeddings", "generation", "masking", "availability", "data_card"}
NAMES |= {"reliability", "confusion", "attention"}


def generation(data: Data, results: Results) -> Figure:
    return draw_generation(TITLE, data, results, samples=6, seed=0)


def availability(data: Data, results: Results) -> Figure:
    return draw_availability(TITLE, data, results, {"image": 0.3, "text": 0.2})


def latent(data: Data, results: Results) -> Figure:
    return draw_latent(TITLE, data, results, points=90, seed=0)


LONG_NAMES = ["a price of $5 or $6", "the european short-haired cat of the alps", "x" * 50]


@pytest.mark.parametrize(("classes", "words", "channels"), [(3, 20, 3), (2, 100, 3), (20, 1, 1)])
def test_every_figure_has_its_title_and_no_text_overlaps_or_leaves_it(classes: int, words: int, channels: int) -> None:
    data, results = made_up_run(classes, 3 if words < 100 else 1, words, channels)
    if classes == len(LONG_NAMES):
        data = replace(data, class_names=LONG_NAMES)
    before = {name: copy(getattr(results, name)) for name in ("metrics", "undefined", "baselines", "surface")}
    figures = draw_every_figure(data, results)
    assert set(figures) == NAMES
    assert {name: getattr(results, name) for name in before} == before  # drawing changes no result
    for figure in figures.values():
        check_layout(figure)
        assert any(TITLE in text.get_text() for text in visible_texts(figure))
        assert min(text.get_fontsize() for text in visible_texts(figure)) >= 6


def test_every_caption_stands_whole_and_in_order() -> None:
    data, results = made_up_run(2, 3, 100)
    texts = re.findall(r"\bword\d+\b", " ".join(t.get_text() for t in visible_texts(generation(data, results))))
    told = data.vocabulary.words_of(data.splits["test"].tokens)
    made = data.vocabulary.words_of(results.predictions.caption["image"])
    rows = [row for k in range(2) for row in range(6) if data.splits["test"].label[row] == k]
    found = [texts[i : i + 200] for i in range(0, len(texts), 200)]
    pairs = [told[row] + made[row] for row in rows]
    assert sorted(found) == sorted(pairs)


def marked_words(figure: Figure) -> list[str]:
    """Words of captions in bold red."""
    marked = [t.get_text() for t in visible_texts(figure) if (t.get_weight(), t.get_color()) == ("bold", WRONG)]
    return re.findall(r"\bword\d+\b", " ".join(marked))


def test_only_wrong_words_are_bold_and_red() -> None:
    data, results = made_up_run(2, 1, 5)
    results.predictions.caption["image"][:] = data.splits["test"].tokens  # now all are right
    assert not marked_words(generation(data, results))
    results.predictions.caption["image"][:, 1] = data.splits["test"].tokens.max()  # and now the first is wrong
    last = data.vocabulary.words[-1]
    assert set(marked_words(generation(data, results))) == {last}


def test_the_samples_do_not_depend_on_the_model() -> None:
    data, results = made_up_run(2, 6, 4)
    other = made_up_run(2, 6, 4)[1]
    other.predictions.image["text"].zero_()
    first, second = (pictures(generation(data, r)) for r in (results, other))
    assert len(first) == 2 * 2 * 3  # real and drawn, of two classes, three samples each
    assert all((a.get_array() == b.get_array()).all() for a, b in zip(first[::2], second[::2], strict=True))
    assert all((image.get_array() == 0).all() for image in second[1::2])


def test_a_class_name_at_the_edge_stays_on_the_map() -> None:
    axes = Figure(figsize=(4, 3)).subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    name_classes(axes, np.array([[0.0, 0.3], [1.0, 0.6]]), np.array([0, 1]), ["left long name", "right long name"])
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 2
    assert all(axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1 for box in boxes)


def test_the_map_is_the_same_when_drawn_again() -> None:
    data, results = made_up_run(3, 6, 4)
    first, second = (latent(data, results).axes[0].collections for _ in range(2))
    assert len(first) == 3
    assert all((a.get_offsets() == b.get_offsets()).all() for a, b in zip(first, second, strict=True))


def test_the_map_holds_at_most_the_points_asked_for() -> None:
    data, results = made_up_run(2, 40, 2)
    drawn = latent(data, results).axes[0].collections
    assert [len(c.get_offsets()) for c in drawn] == [30, 30, 30]


@pytest.mark.parametrize("joint", [torch.zeros(3, 4, 5), torch.randn(3, 1, 5), torch.randn(3, 2, 1)])
def test_the_map_takes_few_or_equal_points(joint: torch.Tensor) -> None:
    place = tsne_places(joint, seed=0)
    assert place.shape == (*joint.shape[:2], 2)
    assert torch.from_numpy(place).isfinite().all()


@pytest.mark.parametrize("labels", [[0, 0, 1, 0], [1]])
def test_a_class_without_test_samples_is_left_out(labels: list[int]) -> None:
    data, results = made_up_run(3, 1, 4, labels=labels)
    for name, figure in draw_every_figure(data, results).items():
        check_layout(figure)
        if name == "tsne":
            assert not any(text.get_text() == "class 2" for text in visible_texts(figure))


def test_undefined_values_are_said_to_be_undefined() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics |= dict.fromkeys(results.metrics)
    figures = draw_every_figure(data, results)
    assert any("mean undefined" in text.get_text() for text in visible_texts(figures["availability"]))
    for figure in figures.values():
        check_layout(figure)


@pytest.mark.parametrize("empty", [False, True])
def test_what_was_not_measured_is_left_out_or_a_dash(empty: bool) -> None:
    data, results = made_up_run(3, 3, 4)
    maps = results.attention
    results.metrics, results.undefined = {}, {}
    results.surface = [] if empty else None
    results.attention = AttentionMaps(maps.rows[:0], maps.weights[:0]) if empty else None
    figures = draw_every_figure(data, results, rows=0)
    assert set(figures) == NAMES - {"curves", "imbalance", "availability", "attention", "reliability", "confusion"}
    for figure in figures.values():
        check_layout(figure)


def test_an_empty_caption_is_said_to_be_empty() -> None:
    data, results = made_up_run(2, 3, 4)
    results.predictions.caption["image"].zero_()
    words = [text.get_text() for text in visible_texts(generation(data, results))]
    assert words.count("(no words)") == 6


def test_a_history_of_one_row_shows_its_points() -> None:
    figure = draw_curves(TITLE, made_up_history(1))
    check_layout(figure)
    assert all(any(line.get_marker() in ("o", "s") for line in panel.lines) for panel in figure.axes)


def test_terms_are_found_and_the_best_step_is_that_of_the_lowest_validation_loss() -> None:
    assert quantities(made_up_history(3)) == ["loss", "accuracy", "novel", "learning_rate"]
    assert best_row(made_up_history(3))["step"] == 10
    assert best_row([{"step": 1, "train/loss": 1.0}]) is None


def test_an_axis_of_accuracy_starts_below_the_values_and_near_chance_below_that() -> None:
    assert lowest_shown(0.98, 0.1) == pytest.approx(0.95)  # no curve is made of noise alone
    assert 0.5 < lowest_shown(0.8, 0.5) < 0.8
    assert 0.3 < lowest_shown(0.6, 0.4) < 0.4
    assert lowest_shown(0.05, 0.1) == 0


def test_a_filled_gap_stands_in_the_title() -> None:
    data, results = made_up_run(2, 3, 4)
    assert not any("generated" in text.get_text() for text in visible_texts(availability(data, results)))
    results.fill = "generated"
    figure = availability(data, results)
    check_layout(figure)
    assert any("filled with what is generated" in text.get_text() for text in visible_texts(figure))


def test_a_control_is_said_not_to_read_what_it_does_not_read() -> None:
    data, results = made_up_run(2, 3, 4)
    results.reads = ("image",)
    results.metrics, results.undefined = {}, {}  # whatever was measured of it
    figure = generation(data, results)
    check_layout(figure)
    words = [text.get_text().split() for text in visible_texts(figure)]
    assert words.count(["does", "not", "read", "captions"]) == 6
    assert words.count(["does", "not", "read", "images"]) == 0
    assert len(pictures(figure)) == 6  # the real ones


def test_the_judges_own_accuracy_stands_beside_coherence() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics |= {"judge/accuracy": 0.987, "judge/caption_accuracy": 0.654}
    results.metrics |= {"text_to_image/class_coherence": 0.876, "image_to_text/class_coherence": 0.765}
    (line,) = [text.get_text() for text in visible_texts(generation(data, results)) if "judge" in text.get_text()]
    assert all(value in line for value in ("0.987", "0.654", "0.876", "0.765"))


def test_captions_that_name_no_class_are_said_not_to_be_judged() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics["judge/caption_accuracy"] = None
    results.undefined["judge/caption_accuracy"] = "these captions do not name the class"
    (line,) = [text.get_text() for text in visible_texts(generation(data, results)) if "judge" in text.get_text()]
    assert line.endswith("no captions are judged: these captions do not name the class.")


def test_every_class_has_its_row_where_they_fit() -> None:
    data, results = made_up_run(10, 3, 5)
    texts = [text.get_text() for text in visible_texts(draw_masking(TITLE, data, results.predictions, seed=0))]
    assert sum(text == "image" for text in texts) == 2 * 10  # given with both and alone


def test_units_stand_on_the_curves() -> None:
    rows = [{"step": 1, "train/loss": 1.0, "train/image": 0.1, "train/text": 2.0, "train/dssim": 0.2, "train/odd": 1.0}]
    texts = [text.get_text() for text in visible_texts(draw_curves(TITLE, rows))]
    assert {"squared error, pixels in [0, 1]", "cross-entropy, nats a word"} <= set(texts)


def test_too_many_points_are_refused() -> None:
    with pytest.raises(ValueError, match="points must be a number, above 0 and 2000 at most, got 2001"):
        RunFigures(samples=6, points=2001, seed=0)
