"""A run's page says what the run measured, and what it did not, and loads nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from multimodal.pages.run_page import FIGURES, versions
from tests.figures.test_run_figures import NAMES
from tests.helpers.made_up_page import write_page
from tests.helpers.made_up_results import made_up_run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("run"), figures=3).read_text()


def line(page: str, name: str) -> str:
    """The line of a metric, without its tags."""
    (found,) = re.findall(rf"<tr>(?:(?!</tr>).)*<code[^>]*>{name}</code>.*?</tr>", page)
    return re.sub(r"<[^>]+>", "|", found)


def test_a_page_needs_nothing_else(page: str) -> None:
    assert "http" not in page.replace("http-equiv", "")
    assert set(re.findall(r'(?:src|href)="(data:|#|)', page)) == {"data:", "#"}
    assert set(re.findall(r'href="#([^"]+)"', page)) == {"metrics", "figures", "predictions", "data", "repeat"}


def test_the_head_says_what_the_run_is(page: str) -> None:
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts["fusion"] == "attention"
    assert facts["seed"] == "3"
    assert facts["test samples"] == "36"
    assert facts["checkpoint"] == "step 20, lowest validation loss"


def test_an_evaluation_names_its_checkpoint_and_no_step(tmp_path: Path) -> None:
    page = write_page(tmp_path, checkpoint="0123456789abcdef").read_text()
    assert "SHA-256 0123456789ab…, evaluated again" in page
    assert "step 20" not in page


def test_a_metric_stands_beside_its_references(tmp_path: Path) -> None:
    data, results = made_up_run(3, 4, 5)
    results.metrics |= {"accuracy/both": 0.75, "task/ceiling": 0.9, "fusion/gain": None}
    results.undefined["fusion/gain"] = "nothing <is> left"
    results.baselines["frequent_label"] = {"accuracy/both": 0.25}
    page = write_page(tmp_path, data, results).read_text()
    assert "|0.750||frequent label\xa00.250, the task&#39;s ceiling\xa00.900|" in line(page, "accuracy/both")
    assert "|undefined||nothing &lt;is&gt; left|" in line(page, "fusion/gain")
    (off,) = re.findall("Not measured in this run .*", page)
    assert "caption BLEU-4;" in off
    assert "accuracy with both" not in off
    assert f"All {len(results.metrics)} numbers" in page


def test_every_figure_of_a_run_has_its_words_and_an_unknown_one_its_name(page: str) -> None:
    assert set(FIGURES) == NAMES | {"drawings"}  # which only a model has that draws at random
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions == ["Generation", "Learning curves", "Novel"]
    assert re.findall(r'class="(zoom[^"]*)"', page) == ["zoom", "zoom plot", "zoom"]  # a dark page inverts plots alone
    assert set(re.findall(r'width="(\d+)"', page)) == {"1500"}


def test_a_run_without_figures_says_so(tmp_path: Path) -> None:
    page = write_page(tmp_path, figures=0).read_text()
    assert "evaluation.figures=null" in page
    assert "<figure>" not in page


def test_each_sample_has_its_pictures_texts_and_answers(page: str) -> None:
    data, results = made_up_run(9, 4, 5)
    rows = re.findall(r'<tr data-class="(.*?)" data-right="(.*?)">(.*?)</tr>', page, re.S)
    assert len(rows) == 36
    assert all(row.count('src="data:image/webp') == 2 for _, _, row in rows)
    right = {name: sum(name in found.split() for _, found, _ in rows) / 36 for name in ("both", "image", "text")}
    assert right == pytest.approx({name: results.metrics[f"accuracy/{name}"] for name in right})
    first = re.search(r'scope="row">(\d+)<', rows[0][2])[1]
    assert data.vocabulary.decode(data.splits["test"].tokens[[int(first)]])[0] in rows[0][2]


def test_what_the_task_makes_meaningless_or_no_head_makes_is_named(tmp_path: Path) -> None:
    data, results = made_up_run(2, 2, 3)
    results = replace(results, predictions=replace(results.predictions, image={}))
    page = write_page(
        tmp_path, replace(data, undefined={"image_to_text": "the caption is <another>"}), results
    ).read_text()
    assert "No written captions: the caption is &lt;another&gt;." in page
    assert "No drawn images: the model has no head for them." in page
    assert "written from the image</th>" not in page


def test_a_class_with_markup_stays_a_text(tmp_path: Path) -> None:
    data, results = made_up_run(2, 2, 3)
    names = ['<script>alert("1")</script>', "a & b"]
    page = write_page(tmp_path, replace(data, class_names=names), results).read_text()
    assert names[0] not in page
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in page


def test_the_command_repeats_the_run_with_the_source_that_was_read(page: str) -> None:
    command = "python scripts/run.py fusion=attention &#39;text=&#39;"
    assert command in page
    assert "dataset.source=embedded</pre>" in page
    assert versions()["Python"] in page
