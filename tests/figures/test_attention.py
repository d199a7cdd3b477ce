import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import TextArea

from multimodal.dataset.data import Data
from multimodal.evaluation.context import AttentionMaps
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.attention import DIM, color_scale_boxes, draw_attention, overlay_attention
from tests.helpers.made_up_results import TITLE, check_layout, made_up_run, pictures, visible_texts


def checked_figure(data: Data, attention: AttentionMaps) -> Figure:
    """Draw the figure and check its layout."""
    figure = draw_attention(TITLE, data, attention, seed=0)
    check_layout(figure)
    return figure


def tiles(figure: Figure) -> list[np.ndarray]:
    """Return the tiles in the order of the words: all images but the real ones and the colour scales."""
    return [picture.get_array() for picture in pictures(figure) if picture.get_array().shape[0] >= 100]


@pytest.mark.parametrize("words", [1, 7, 25, 30])
def test_every_word_has_a_tile_and_special_tokens_have_none(words: int) -> None:
    data, results = made_up_run(3, 2, words)
    figure = checked_figure(data, results.attention)
    words_above_tiles = [text.get_text() for text in visible_texts(figure) if re.fullmatch(r"word\d+", text.get_text())]
    count = sum(picture.get_array().shape[0] == 8 for picture in pictures(figure))  # the real ones
    assert count == (5 if words == 30 else 6)
    rows = results.attention.rows[sample_evenly(data.splits["test"].content[results.attention.rows], count, 0)]
    captions = data.vocabulary.words_of(data.splits["test"].tokens[rows])
    assert words_above_tiles == [word for caption in captions for word in caption]
    assert len(tiles(figure)) == len(words_above_tiles)


def test_a_caption_of_a_hundred_words_is_cut_and_the_figure_states_the_number() -> None:
    data, results = made_up_run(2, 3, 100)
    figure = checked_figure(data, results.attention)
    texts = [text.get_text() for text in visible_texts(figure)]
    (note,) = {text for text in texts if text.startswith("the first")}
    count = int(note.split()[2])
    words = [text for text in texts if re.fullmatch(r"word\d+", text)]
    captions = data.vocabulary.words_of(data.splits["test"].tokens)
    starts = [words[i : i + count] for i in range(0, len(words), count)]
    assert all(any(start == caption[:count] for caption in captions) for start in starts)
    assert figure.get_figheight() <= 16


def test_a_tile_is_red_where_its_word_attends() -> None:
    data, _ = made_up_run(1, 1, 4)
    weights = torch.zeros(1, 6, 3, 3)
    for t, cell in enumerate([(2, 2), (0, 0), (0, 2), (1, 1), (2, 0), (2, 2)]):  # <bos>, four words, <eos>
        weights[0, t, *cell] = 1.0
    dark = replace(data.splits["test"], image=torch.zeros_like(data.splits["test"].image))
    figure = checked_figure(replace(data, splits={"test": dark}), AttentionMaps(torch.tensor([0]), weights))
    reddest = []
    for tile in tiles(figure):
        red = tile[..., 0].reshape(tile.shape[0], -1)
        i, j = np.argwhere(red > 0.95 * red.max()).mean(0) * 3 // np.array(red.shape)
        reddest.append((int(i), int(j)))
    assert reddest == [(0, 0), (0, 2), (1, 1), (2, 0)]


def test_the_colour_scale_tells_uniform_attention_from_more() -> None:
    numbers = color_scale_boxes(1 / 49, 0.0304)[1]
    assert [box.get_text() for box in numbers.findobj(TextArea)] == ["0.0304", "0.0204"]


def test_the_words_of_a_sample_share_one_colour_scale() -> None:
    data, results = made_up_run(1, 1, 3)
    weak = results.attention.weights.clone()
    weak[0, 1] *= 0.1
    uniform = AttentionMaps(results.attention.rows, torch.full_like(weak, 1 / weak[0, 0].numel()))
    original, flat = tiles(checked_figure(data, results.attention)), tiles(checked_figure(data, uniform))
    assert all(np.ptp(tile, axis=-1).max() < 1e-6 for tile in flat)  # uniform attention has no colour
    assert all(np.ptp(tile, axis=-1).max() > 0.1 for tile in original)
    faded = tiles(checked_figure(data, AttentionMaps(results.attention.rows, weak)))
    assert np.abs(faded[0] - original[0]).max() > 0.1


def test_an_image_without_weights_is_dim_grey() -> None:
    image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    overlaid = overlay_attention(image, torch.zeros(2, 2))
    expected = DIM * (image.float().mean(0) / 255).repeat_interleave(16, 0).repeat_interleave(16, 1)
    torch.testing.assert_close(overlaid, expected.expand(3, -1, -1))


def test_subwords_stand_over_the_tiles_in_place_of_words() -> None:
    data, _ = made_up_run(1, 1, 4)
    figure = checked_figure(data, AttentionMaps(torch.tensor([0]), torch.full((1, 6, 3, 3), 1 / 9), [["sleep", "ing"]]))
    assert len(tiles(figure)) == 2
    assert {"sleep", "ing"} <= {text.get_text() for text in visible_texts(figure)}
