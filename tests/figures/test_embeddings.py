import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection

from multimodal.figures.embeddings import MAX_PAIRS, draw_embeddings
from tests.helpers.made_up_results import TITLE, check_layout, made_up_run, visible_texts


def points_and_lines(run: tuple, points: int = 200) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw a run: -> [positions (n, 2) of the images, of the captions], segments (m, 2, 2)."""
    figure = draw_embeddings(TITLE, *run, points=points, seed=0)
    check_layout(figure)
    groups = [c for c in figure.axes[0].collections if not isinstance(c, LineCollection)]
    (lines,) = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    return [np.asarray(group.get_offsets()) for group in groups], np.array(lines.get_segments())


def test_a_line_joins_an_image_to_its_own_caption() -> None:
    (images, captions), lines = points_and_lines(made_up_run(2, 40, 3))
    assert lines.shape == (MAX_PAIRS, 2, 2)
    for image, caption in lines:
        row = np.abs(images - image).sum(1).argmin()
        np.testing.assert_allclose(images[row], image)
        np.testing.assert_allclose(captions[row], caption)


def test_the_encoders_map_has_at_most_the_requested_points() -> None:
    positions, lines = points_and_lines(made_up_run(2, 40, 3), points=20)
    assert [len(group) for group in positions] == [10, 10]
    assert len(lines) == 10


def test_the_norm_of_an_embedding_does_not_matter() -> None:
    first, second = made_up_run(2, 8, 3), made_up_run(2, 8, 3)
    second[1].predictions.encoded["image"].mul_(2.0 ** torch.arange(16)[:, None])  # powers of two: no round-off
    for a, b in zip(points_and_lines(first)[0], points_and_lines(second)[0], strict=True):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("value", [-1.25, None])
def test_only_defined_scores_of_the_encoders_are_printed(value: float | None) -> None:
    data, results = made_up_run(2, 3, 3)
    results.metrics |= {"latent/uniformity": value, "latent/knn_accuracy": 0.5}
    texts = "; ".join(text.get_text() for text in visible_texts(draw_embeddings(TITLE, data, results, 90, 0)))
    assert ("uniformity" in texts) == ("−1.250" in texts) == (value is not None)
    assert "0.500" not in texts  # a score of the joint representation
