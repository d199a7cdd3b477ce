from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.text import Annotation

from multimodal.figures.confusion import confusion_counts, draw_confusion, most_confused, row_shares
from tests.helpers.made_up_results import TITLE, check_layout, made_up_run, visible_texts


def test_rows_are_true_classes_and_a_class_without_samples_has_a_row_of_zeros() -> None:
    probability = torch.eye(4)[[1, 1, 2, 0]]
    expected = [[0, 2, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert confusion_counts(probability, torch.tensor([0, 0, 1, 2])).tolist() == expected


def test_shares_sum_to_one_and_are_nan_for_a_class_without_samples() -> None:
    share = row_shares(np.array([[3, 1], [0, 0]]))
    np.testing.assert_allclose(share, [[0.75, 0.25], [np.nan, np.nan]])


@pytest.mark.parametrize("classes", [2, 10, 13, 14, 26, 27, 100])
def test_the_figure_is_legible_with_any_number_of_classes(classes: int) -> None:
    data, results = made_up_run(classes, 2, 3)
    names = [f"a very long class name {k}" if k % 2 else f"${k}" for k in range(classes)]
    figure = draw_confusion(TITLE, replace(data, class_names=names), results)
    check_layout(figure)
    assert min(text.get_fontsize() for text in visible_texts(figure)) >= 6


def test_each_count_is_drawn_in_its_cell() -> None:
    data, results = made_up_run(2, 5, 3)
    test = data.splits["test"]
    results.predictions.probability["both"] = torch.tensor([[0.1, 0.9]]).expand(len(test), 2)  # always the second
    matrix = draw_confusion(TITLE, data, results).axes[0]
    counts = {
        text.get_position(): text.get_text().split()[0] for text in matrix.texts if not isinstance(text, Annotation)
    }
    assert counts == {(0, 0): "0", (1, 0): "5", (0, 1): "0", (1, 1): "5"}  # (predicted class, true class)


def test_the_most_frequent_confusion_comes_first_and_the_diagonal_is_no_confusion() -> None:
    table = np.diag(np.full(30, 9))
    table[3, 7], table[7, 3] = 4, 2
    lines = most_confused(table, [f"c{k}" for k in range(30)]).split("\n")
    assert lines == ["", "most frequent confusions:", "c3 → c7: 4 of 13", "c7 → c3: 2 of 11"]
    assert most_confused(np.diag(np.full(30, 9)), ["c"] * 30) == ""
