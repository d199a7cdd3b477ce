import re
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.context import AttentionMaps
from multimodal.evaluation.evaluator import Results
from multimodal.figures.availability import accuracy_axis_start, draw_availability
from multimodal.figures.curves import draw_curves, marked_row, quantities
from multimodal.figures.generation import draw_generation
from multimodal.figures.latent import draw_latent
from multimodal.figures.layout import WRONG
from multimodal.figures.masking import draw_masking
from multimodal.figures.missing import draw_missing
from multimodal.figures.run_figures import RunFigures
from multimodal.figures.tsne import label_classes, tsne_coordinates
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
NAMES |= {"reliability", "confusion", "attention", "missing"}


def generation(data: Data, results: Results) -> Figure:
    return draw_generation(TITLE, data, results, samples=6, seed=0)


def availability(data: Data, results: Results) -> Figure:
    return draw_availability(TITLE, data, results, {"image": 0.3, "text": 0.2})


def masking(data: Data, results: Results) -> Figure:
    return draw_masking(TITLE, data, results.predictions, seed=0)


def latent(data: Data, results: Results) -> Figure:
    return draw_latent(TITLE, data, results, points=90, seed=0)


LONG_NAMES = ["a price of $5 or $6", "the european short-haired cat of the alps", "x" * 50]


@pytest.mark.parametrize(("classes", "words", "channels"), [(3, 20, 3), (2, 100, 3), (20, 1, 1)])
def test_every_figure_has_its_title_and_no_text_overlaps_or_is_cut(classes: int, words: int, channels: int) -> None:
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


def test_every_caption_is_complete_and_in_order() -> None:
    data, results = made_up_run(2, 3, 100)
    texts = re.findall(r"\bword\d+\b", " ".join(t.get_text() for t in visible_texts(generation(data, results))))
    real = data.vocabulary.words_of(data.splits["test"].tokens)
    generated = data.vocabulary.words_of(results.predictions.caption["image"])
    rows = [row for k in range(2) for row in range(6) if data.splits["test"].label[row] == k]
    drawn = [texts[i : i + 200] for i in range(0, len(texts), 200)]
    assert sorted(drawn) == sorted(real[row] + generated[row] for row in rows)


def marked_words(figure: Figure) -> list[str]:
    """Return the words of captions that are bold and red."""
    marked = [t.get_text() for t in visible_texts(figure) if (t.get_weight(), t.get_color()) == ("bold", WRONG)]
    return re.findall(r"\bword\d+\b", " ".join(marked))


def first_word(caption: str) -> dict[str, str]:
    return {"first": caption.split()[0]} if caption else {}


def test_only_words_that_contradict_the_real_caption_are_bold_and_red() -> None:
    data, results = made_up_run(2, 1, 5)
    assert not marked_words(generation(data, results))  # other words, and no class or attribute among them
    data = replace(data, grammar=first_word)
    last = data.splits["test"].tokens.max()
    results.predictions.caption["image"][:, 1] = last
    for figure in (generation(data, results), masking(data, results)):
        assert data.vocabulary.words[last] in marked_words(figure)
    assert set(marked_words(generation(data, results))) == {data.vocabulary.words[last]}


def test_the_choice_of_samples_does_not_depend_on_the_model() -> None:
    data, results = made_up_run(2, 6, 4)
    other = made_up_run(2, 6, 4)[1]
    other.predictions.image["text"].zero_()
    first, second = (pictures(generation(data, r)) for r in (results, other))
    assert len(first) == 3 * 2 * 3  # real, from the caption and from both; two classes, three samples each
    for kept in (0, 2):
        assert all((a.get_array() == b.get_array()).all() for a, b in zip(first[kept::3], second[kept::3], strict=True))
    assert all((image.get_array() == 0).all() for image in second[1::3])


def test_a_class_name_at_the_edge_is_moved_inside_the_map() -> None:
    axes = Figure(figsize=(4, 3)).subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    label_classes(axes, np.array([[0.0, 0.3], [1.0, 0.6]]), np.array([0, 1]), ["left long name", "right long name"])
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 2
    assert all(axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1 for box in boxes)


def test_drawing_again_gives_the_same_map() -> None:
    data, results = made_up_run(3, 6, 4)
    first, second = (latent(data, results).axes[0].collections for _ in range(2))
    assert len(first) == 3
    assert all((a.get_offsets() == b.get_offsets()).all() for a, b in zip(first, second, strict=True))


def test_the_joint_map_has_at_most_the_requested_points() -> None:
    data, results = made_up_run(2, 40, 2)
    groups = latent(data, results).axes[0].collections
    assert [len(group.get_offsets()) for group in groups] == [30, 30, 30]


@pytest.mark.parametrize("joint", [torch.zeros(3, 4, 5), torch.randn(3, 1, 5), torch.randn(3, 2, 1)])
def test_tsne_accepts_few_or_equal_points(joint: torch.Tensor) -> None:
    positions = tsne_coordinates(joint, seed=0)
    assert positions.shape == (*joint.shape[:2], 2)
    assert torch.from_numpy(positions).isfinite().all()


@pytest.mark.parametrize("labels", [[0, 0, 1, 0], [1]])
def test_a_class_without_test_samples_is_left_out(labels: list[int]) -> None:
    data, results = made_up_run(3, 1, 4, labels=labels)
    for name, figure in draw_every_figure(data, results).items():
        check_layout(figure)
        if name == "tsne":
            assert not any(text.get_text() == "class 2" for text in visible_texts(figure))


def test_undefined_values_are_labelled_as_undefined() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics |= dict.fromkeys(results.metrics)
    figures = draw_every_figure(data, results)
    assert any("mean undefined" in text.get_text() for text in visible_texts(figures["availability"]))
    for figure in figures.values():
        check_layout(figure)


@pytest.mark.parametrize("empty", [False, True])
def test_values_that_were_not_measured_are_left_out_or_drawn_as_a_dash(empty: bool) -> None:
    data, results = made_up_run(3, 3, 4)
    maps = results.attention
    results.metrics, results.undefined = {}, {}
    results.surface = [] if empty else None
    results.attention = AttentionMaps(maps.rows[:0], maps.weights[:0]) if empty else None
    figures = draw_every_figure(data, results, rows=0)
    measured = {"curves", "imbalance", "availability", "missing", "attention", "reliability", "confusion"}
    assert set(figures) == NAMES - measured
    for figure in figures.values():
        check_layout(figure)


def test_an_empty_generated_caption_is_drawn_as_no_words() -> None:
    data, results = made_up_run(2, 3, 4)
    results.predictions.caption["image"].zero_()
    words = [text.get_text() for text in visible_texts(generation(data, results))]
    assert words.count("(no words)") == 6


def test_a_history_of_one_row_is_drawn_as_points() -> None:
    figure = draw_curves(TITLE, made_up_history(1), "loss")
    check_layout(figure)
    assert all(any(line.get_marker() in ("o", "s") for line in panel.lines) for panel in figure.axes)


def test_all_loss_terms_are_drawn_and_the_best_step_has_the_lowest_validation_loss() -> None:
    assert quantities(made_up_history(3)) == ["loss", "accuracy", "novel", "learning_rate"]
    assert marked_row(made_up_history(3), "loss")["step"] == 10
    assert marked_row([{"step": 1, "train/loss": 1.0}], "loss") is None


def test_the_curves_mark_the_checkpoint_that_was_chosen_by_its_accuracy() -> None:
    accuracies = (0.25, 0.75, 0.75)
    history = [
        row | {"validation/accuracy_both": accuracy}
        for row, accuracy in zip(made_up_history(3), accuracies, strict=True)
    ]
    history[2]["validation/loss"] = -1.0
    assert marked_row(history, "accuracy")["step"] == 10
    figure = draw_curves(TITLE, history, "accuracy")
    check_layout(figure)
    texts = [text.get_text() for text in visible_texts(figure)]
    assert "best: step 10, highest validation accuracy with both" in texts
    assert "accuracy with both" in texts


def test_the_accuracy_axis_starts_below_the_values_and_below_chance_if_chance_is_near() -> None:
    assert accuracy_axis_start(0.98, 0.1) == pytest.approx(0.95)  # noise does not fill the axis
    assert 0.5 < accuracy_axis_start(0.8, 0.5) < 0.8
    assert 0.3 < accuracy_axis_start(0.6, 0.4) < 0.4
    assert accuracy_axis_start(0.05, 0.1) == 0


def test_the_heading_states_that_missing_modalities_are_generated() -> None:
    data, results = made_up_run(2, 3, 4)
    assert not any("generated" in text.get_text() for text in visible_texts(availability(data, results)))
    results.fill = "generated"
    figure = availability(data, results)
    check_layout(figure)
    assert any("each generated from the other" in text.get_text() for text in visible_texts(figure))


def test_a_control_has_no_samples_generated_from_an_input_it_does_not_read() -> None:
    data, results = made_up_run(2, 3, 4)
    results.reads = ("image",)
    results.metrics, results.undefined = {}, {}  # whatever its metrics are
    figure = generation(data, results)
    check_layout(figure)
    words = [text.get_text().split() for text in visible_texts(figure)]
    assert words.count(["does", "not", "read", "captions"]) == 6
    assert words.count(["does", "not", "read", "images"]) == 0
    assert len(pictures(figure)) == 2 * 6  # the real images, and those from both
    results.reads = ("text",)
    figure = generation(data, results)
    check_layout(figure)
    assert len(pictures(figure)) == 2 * 6  # the real images, and those from captions


def test_the_accuracy_of_the_judges_on_real_samples_is_beside_coherence() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics |= {"judge/accuracy": 0.987, "judge/caption_accuracy": 0.654}
    results.metrics |= {"text_to_image/class_coherence": 0.876, "image_to_text/class_coherence": 0.765}
    (line,) = [text.get_text() for text in visible_texts(generation(data, results)) if "judge" in text.get_text()]
    assert all(value in line for value in ("0.987", "0.654", "0.876", "0.765"))


def test_the_figure_gives_the_reason_why_captions_are_not_judged() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics["judge/caption_accuracy"] = None
    results.undefined["judge/caption_accuracy"] = "these captions do not name the class"
    (line,) = [text.get_text() for text in visible_texts(generation(data, results)) if "judge" in text.get_text()]
    assert line.endswith("captions are not judged: these captions do not name the class.")


def test_every_class_has_a_row_if_all_fit_the_page() -> None:
    data, results = made_up_run(10, 3, 5)
    texts = [text.get_text() for text in visible_texts(draw_masking(TITLE, data, results.predictions, seed=0))]
    assert sum(text == "image" for text in texts) == 2 * 10  # with both modalities and alone


def test_curves_have_units() -> None:
    rows = [{"step": 1, "train/loss": 1.0, "train/image": 0.1, "train/text": 2.0, "train/dssim": 0.2, "train/odd": 1.0}]
    texts = [text.get_text() for text in visible_texts(draw_curves(TITLE, rows, "loss"))]
    assert {"squared error, pixels in [0, 1]", "cross-entropy, nats per word"} <= set(texts)


def test_too_many_points_raise_an_error() -> None:
    with pytest.raises(ValueError, match="points must be a whole number from 1 to 2000, got 2001"):
        RunFigures(samples=6, points=2001, seed=0)


@pytest.mark.parametrize("gone", [("text_to_image",), ("image_to_text",), ("text_to_image", "image_to_text")])
def test_what_the_task_makes_meaningless_is_not_drawn_where_modalities_are_missing(gone: tuple[str, ...]) -> None:
    data, results = made_up_run(3, 3, 5)
    figure = masking(replace(data, undefined=dict.fromkeys(gone, "nothing to do with the image")), results)
    check_layout(figure)
    rows, given = 6, 2 * 6  # the real image, and the input of the two conditions that have it
    drawings = 0 if "text_to_image" in gone else 3 * rows
    assert len(pictures(figure)) == rows + given + drawings
    words = " ".join(text.get_text() for text in visible_texts(figure))
    captions = 1 if "image_to_text" in gone else 4  # the real one, and one for each condition
    assert len(re.findall(r"\bword\d+\b", words)) == rows * 5 * captions
    assert ("contradicts" in words) == (captions == 4)
    assert words.count("✓") + words.count("✗") == 3 * rows + 2  # each prediction, and the legend


def test_the_floor_of_real_images_is_below_what_images_from_captions_score() -> None:
    data, results = made_up_run(2, 3, 4)
    names = ("attribute_accuracy", "ssim", "kid")
    results.metrics |= {
        f"text_to_image/{name}": value for name, value in zip(names, (0.512, 0.614, 0.155), strict=True)
    }
    results.baselines |= {
        "real_halves": {"text_to_image/kid": -0.012},
        "same_caption_image": {"text_to_image/ssim": 0.573},
    }
    results.baselines["same_caption_image"] |= {"text_to_image/kid": 0.001, "text_to_image/attribute_accuracy": 1.0}
    figure = generation(data, results)
    check_layout(figure)
    lines = [t.get_text() for t in visible_texts(figure)]
    assert "Images from captions: attribute accuracy 0.512, SSIM 0.614, kernel distance 0.155." in lines
    (real,) = [line for line in lines if line.startswith("Another real image with the same caption: ")]
    assert "attribute accuracy 1.000, SSIM 0.573, kernel distance 0.001; two halves" in real
    assert real.endswith("real images: kernel distance −0.012.")


def test_no_floor_is_told_where_nothing_was_measured() -> None:
    data, results = made_up_run(2, 3, 4)
    results.metrics = {}
    assert not any("Images from captions" in text.get_text() for text in visible_texts(generation(data, results)))


def rate_table(figure: Figure) -> list[str]:
    return [text.get_text() for text in visible_texts(figure)]


def test_a_difference_between_filled_and_not_filled_has_its_paired_error() -> None:
    data, results = made_up_run(2, 3, 4)
    plain, filled = (np.array([0.0, 0.5, 0.5, 1.0]) + shift for shift in (0.0, np.array([0.25, 0.0, 0.0, 0.25])))
    results.metrics = {"missing/0.5": 0.5, "missing/0.5_filled": 0.625}
    results.samples = {"missing/0.5": plain, "missing/0.5_filled": filled}
    texts = rate_table(draw_missing(TITLE, data, results))
    assert "0.500 ± 0.204" in texts
    assert "+12.5 ± 7.2" in texts  # 12.5 points * 2 / sqrt(3) / sqrt(4), much less than that of two sets of samples


def test_what_is_filled_by_meaningless_generation_is_not_drawn_and_told() -> None:
    data, results = made_up_run(3, 3, 4)
    filled = [name for name in results.metrics if name.endswith("_filled")]
    results.metrics |= dict.fromkeys(filled)
    results.undefined |= dict.fromkeys(filled, "task=referring: an image has several pictures, and which is asked for")
    for name in filled:
        results.samples.pop(name, None)
    figure = draw_missing(TITLE, data, results)
    check_layout(figure)
    texts = rate_table(figure)
    assert texts.count("–") == 2 * 3  # of three rates, filled and the difference
    assert any(text.startswith("– task=referring: an image has several pictures") for text in texts)
    assert not any(line.get_label() == "filled by generation" for line in figure.axes[0].containers)


def test_the_dashed_line_of_chance_is_what_training_labels_reach_on_test() -> None:
    data, results = made_up_run(3, 3, 4)
    train, test = data.splits["train"], data.splits["test"]
    splits = data.splits | {"train": replace(train, label=torch.full_like(train.label, 2))}
    lines = draw_missing(TITLE, replace(data, splits=splits), results).axes[0].lines
    (chance,) = [line for line in lines if str(line.get_label()).startswith("chance")]
    assert chance.get_ydata()[0] == pytest.approx(float((test.label == 2).double().mean()))


@pytest.mark.parametrize("named", [True, False])
def test_the_answer_stands_below_a_caption_that_does_not_tell_it(named: bool) -> None:
    data, results = made_up_run(3, 3, 4)
    figure = draw_every_figure(replace(data, names_class=named, class_names=["cat", "dog", "owl"]), results)[
        "data_card"
    ]
    check_layout(figure)
    answers = [text for text in rate_table(figure) if text in ("→ cat", "→ dog", "→ owl")]
    assert set(answers) == (set() if named else {"→ cat", "→ dog", "→ owl"})


def test_the_legend_of_missing_modalities_is_no_wider_than_its_axes() -> None:
    """A wider one squeezes them; the widest says where chance is, far below the accuracies."""
    data, results = made_up_run(12, 6, 4)
    results = replace(results, surface=[row | {"accuracy": 1.0} for row in results.surface])
    figures = draw_every_figure(data, results)
    for name in ("availability", "missing"):
        figures[name].draw_without_rendering()
        legends = [(axes, legend) for axes in figures[name].axes if (legend := axes.get_legend()) is not None]
        assert len(legends) == 1
        for axes, legend in legends:
            assert legend.get_window_extent().width <= axes.bbox.width
    assert "below the axis" in figures["availability"].axes[0].get_legend().get_texts()[-1].get_text()
