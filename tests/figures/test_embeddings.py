import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection

from multimodal.figures.embeddings import PAIRS, draw_embeddings
from tests.helpers.made_up_results import TITLE, check_layout, made_up_run, visible_texts


def drawn(results_of: tuple, points: int = 200) -> tuple[list[np.ndarray], np.ndarray]:
    """(places of the images and of the captions, segments)."""
    figure = draw_embeddings(TITLE, *results_of, points=points, seed=0)
    check_layout(figure)
    groups = [c for c in figure.axes[0].collections if not isinstance(c, LineCollection)]
    (lines,) = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    return [np.asarray(group.get_offsets()) for group in groups], np.array(lines.get_segments())


def test_a_line_joins_an_image_to_its_own_caption() -> None:
    (images, captions), lines = drawn(made_up_run(2, 40, 3))
    assert lines.shape == (PAIRS, 2, 2)
    for image, caption in lines:
        row = np.abs(images - image).sum(1).argmin()
        np.testing.assert_allclose(images[row], image)
        np.testing.assert_allclose(captions[row], caption)


def test_the_map_holds_at_most_the_points_asked_for() -> None:
    places, lines = drawn(made_up_run(2, 40, 3), points=20)
    assert [len(place) for place in places] == [10, 10]
    assert len(lines) == 10


def test_lengths_do_not_matter() -> None:
    first, second = made_up_run(2, 8, 3), made_up_run(2, 8, 3)
    second[1].predictions.encoded["image"].mul_(2.0 ** torch.arange(16)[:, None])  # powers of two: no round-off
    for a, b in zip(drawn(first)[0], drawn(second)[0], strict=True):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("value", [-1.25, None])
def test_what_was_measured_is_printed_and_nothing_else(value: float | None) -> None:
    data, results = made_up_run(2, 3, 3)
    results.metrics |= {"latent/uniformity": value, "latent/knn_accuracy": 0.5}
    texts = "; ".join(text.get_text() for text in visible_texts(draw_embeddings(TITLE, data, results, 90, 0)))
    assert ("uniformity" in texts) == ("-1.250" in texts) == (value is not None)
    assert "0.500" not in texts  # that is of the joint representation
