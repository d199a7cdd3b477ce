"""One catalogue, from which every place that displays or tests a metric reads."""

from multimodal.metric.catalogue import CATALOGUE, PRIMARY, compared, shown_in, spec_of


def test_names_stand_once_and_what_is_displayed_has_words() -> None:
    names = [spec.name for spec in CATALOGUE]
    assert len(names) == len(set(names))
    assert all(spec.title for spec in CATALOGUE if spec.shown or spec.tested)


def test_one_metric_decides_and_every_tested_one_is_a_mean_over_samples() -> None:
    assert [spec.tested == PRIMARY for spec in compared()].count(True) == 1
    assert compared()[0].tested == PRIMARY
    assert all(spec.per_sample is not None and spec.higher_is_better for spec in compared())


def test_a_name_is_found_before_its_family() -> None:
    assert spec_of("reconstruction/ssim").needs == ("image",)
    assert spec_of("reconstruction/bleu2").needs == ("text",)
    assert spec_of("image_to_text/attribute_accuracy_width").needs == ("image",)
    assert spec_of("latent/uniformity") is None


def test_each_place_displays_something() -> None:
    for place in ("terminal", "sweep", "quality", "cost", "generation", "tracker"):
        assert shown_in(place)
