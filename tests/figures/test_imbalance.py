"""The balance of the modalities: nothing that was measured lies on the edge of its panel."""

from multimodal.figures.imbalance import draw_imbalance
from tests.helpers.made_up_results import check_layout


def test_a_negative_share_is_inside_its_panel() -> None:
    figure = draw_imbalance("a run", [{"step": 10, "validation/imbalance/share_image": -0.125}])
    check_layout(figure)
    low, high = figure.axes[-1].get_ylim()
    assert low < -0.15
    assert high > 1
