"""The report, the gallery and a run's page in a real browser, without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from multimodal.comparison.report import write_report
from tests.helpers.browser import DESKTOP, PHONE, needs_browser
from tests.helpers.made_up_gallery import make_gallery
from tests.helpers.made_up_page import write_page
from tests.helpers.made_up_runs import make_run, make_sweep

if TYPE_CHECKING:
    from playwright import sync_api as api

pytestmark = needs_browser
# relative luminance and contrast of WCAG 2.2
CONTRAST = """() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = light(getComputedStyle(document.body).backgroundColor);
  return ["p", ".quiet", "a", "td", ".notes", "tr.reference td"].map((name) => {
    const ink = light(getComputedStyle(document.querySelector(name)).color);
    return (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
  });
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    make_sweep(folder)
    undefined = {"accuracy/text": None}
    make_run(folder, "image_only", 0, 0.1, metrics=undefined, undefined=dict.fromkeys(undefined, "does not read it"))
    return write_report(folder, 0.01)


@contextmanager
def opened(browser: "api.Browser", file: Path) -> Iterator["api.Page"]:
    """The page on a desktop; that nothing went wrong is checked at the end."""
    context = browser.new_context(viewport=DESKTOP, offline=True, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(5000)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    context.close()


@pytest.fixture
def page(browser: "api.Browser", report: Path) -> Iterator["api.Page"]:
    with opened(browser, report) as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run's page, and a gallery."""
    folder = tmp_path_factory.mktemp("pages")
    make_gallery(folder)
    return {"run": write_page(folder, figures=3), "gallery": folder / "gallery.html"}


@pytest.fixture
def run_page(browser: "api.Browser", pages: dict[str, Path]) -> Iterator["api.Page"]:
    with opened(browser, pages["run"]) as page:
        yield page


def labels(page: "api.Page", rows: str = "tr:not(.group):not(.reference)") -> list[str]:
    """First cells of the table of quality and cost, or of its `rows`."""
    return page.locator(f"table >> nth=0 >> tbody {rows} th").all_inner_texts()


def heading(page: "api.Page", text: str) -> "api.Locator":
    return page.locator("table >> nth=0 >> thead th").filter(has_text=text)


def test_every_figure_is_drawn(page: "api.Page") -> None:
    page.wait_for_function("[...document.images].filter((i) => i.closest('figure')).every((i) => i.naturalWidth > 300)")
    # two of differences, two missing, three surfaces, one loss, three grids
    assert page.locator("figure").count() == 11
    assert page.title().startswith("Comparison of sweep")


def test_a_heading_sorts_by_number_and_back(page: "api.Page") -> None:
    assert labels(page) == ["attention", "concat", "image_only"]
    right = heading(page, "accuracy with both")
    right.get_by_role("button").click()
    assert right.get_attribute("aria-sort") == "ascending"
    assert labels(page) == ["concat", "attention", "image_only"]
    right.get_by_role("button").click()
    assert right.get_attribute("aria-sort") == "descending"
    assert labels(page) == ["image_only", "attention", "concat"]
    heading(page, "fusion").get_by_role("button").press("Enter")
    assert labels(page) == ["attention", "concat", "image_only"]
    assert right.get_attribute("aria-sort") is None


def test_what_has_no_number_comes_last_either_way(page: "api.Page") -> None:
    text = heading(page, "accuracy from the caption alone").get_by_role("button")
    orders = []
    for _ in range(2):
        text.click()
        orders.append(labels(page))
    assert orders == [["concat", "attention", "image_only"], ["attention", "concat", "image_only"]]


def test_references_stay_below(page: "api.Page") -> None:
    table = page.locator("table >> nth=1")
    table.locator("thead button").filter(has_text="image SSIM").first.click()
    assert table.locator("tbody tr").last.inner_text().startswith("the judge itself")
    assert table.locator("tbody tr").nth(1).inner_text().startswith("concat")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_figure_enlarges_and_closes(page: "api.Page", viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)
    small, dialog = page.locator(".zoom").first, page.locator("dialog")
    assert not dialog.is_visible()
    small.click()
    assert dialog.is_visible()
    assert dialog.locator("img").get_attribute("alt") == small.locator("img").get_attribute("alt")
    assert dialog.locator("img").bounding_box()["width"] > 1.5 * small.bounding_box()["width"]
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    small.focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    small.click()
    page.mouse.click(2, 2)  # beside it
    assert not dialog.is_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_only_tables_scroll_sideways(page: "api.Page", viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for box in [box.bounding_box() for box in page.locator("figure, .verdict, pre, .wide").all()]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_light_and_dark(page: "api.Page", scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert min(page.evaluate(CONTRAST)) >= 4.5


def test_paper_shows_whole_tables_and_tracebacks(page: "api.Page") -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 within 1 cm
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("details pre").is_visible()
    assert not page.locator("nav").is_visible()
    widths = page.locator("table").evaluate_all("(tables) => tables.map((t) => t.getBoundingClientRect().right)")
    assert max(widths) <= 718


def test_every_part_can_be_named(page: "api.Page") -> None:
    tables = page.locator("table")
    assert tables.count() == tables.locator("caption").count()
    assert page.locator("thead th:not([scope=col]), tbody th:not([scope])").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"


def test_on_a_phone_every_verdict_is_read_without_scrolling_sideways(page: "api.Page") -> None:
    page.set_viewport_size(PHONE)
    cards = page.locator("table").filter(has_text="verdict")
    for cell in cards.locator("td.words").all():
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    assert "attention is better" in "".join(cards.locator("td[data-heading=verdict]").all_inner_texts())
    wide = page.locator(".wide").filter(has_text="verdict")
    assert wide.evaluate("(box) => box.scrollWidth <= box.clientWidth")


def test_on_a_phone_no_table_goes_on_beside_the_window(page: "api.Page") -> None:
    """Each line is a card, in which every number stands after its heading."""
    page.set_viewport_size(PHONE)
    boxes = page.locator(".wide").evaluate_all("(boxes) => boxes.map((box) => box.scrollWidth - box.clientWidth)")
    assert max(boxes) <= 0
    first = page.locator("table >> nth=0 >> tbody tr:not(.group)").first
    assert first.inner_text().startswith("attention")
    number = first.locator("td").filter(has_text="0.8").first
    assert number.evaluate("(cell) => getComputedStyle(cell, '::before').content").startswith('"accuracy with both')


def test_a_table_that_goes_on_beside_the_window_says_so(page: "api.Page") -> None:
    table = page.locator(".wide").first
    hint = page.locator(".hint").first
    assert not hint.is_visible()
    table.evaluate("(box) => { box.firstElementChild.style.width = '3000px'; dispatchEvent(new Event('resize')); }")
    assert hint.is_visible()
    assert "Scroll sideways" in hint.inner_text()


def test_on_a_dark_page_plots_are_dark_and_pictures_keep_their_colours(page: "api.Page") -> None:
    filters = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for kind in (".plot img", ".zoom:not(.plot) img"):
            filters[scheme, kind] = page.locator(kind).first.evaluate("(image) => getComputedStyle(image).filter")
    assert filters.pop(("dark", ".plot img")).startswith("invert(0.92)")
    assert set(filters.values()) == {"none"}


def test_the_contents_lead_to_the_verdict(page: "api.Page") -> None:
    link = page.get_by_role("link", name="Verdict")
    link.click()
    top = page.locator("#verdict").bounding_box()["y"]
    assert abs(top) < DESKTOP["height"]
    assert page.locator("#verdict").inner_text() == "Verdict"


def listed(page: "api.Page") -> list["api.Locator"]:
    """Lines of the table of predictions that are shown."""
    return page.locator("#samples tbody tr:visible").all()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_predictions_are_filtered_by_class_text_and_answer(run_page: "api.Page", viewport: dict[str, int]) -> None:
    run_page.set_viewport_size(viewport)
    assert len(listed(run_page)) == 25
    assert run_page.locator("#count").inner_text() == "36 of 36 samples match, 25 are listed"
    run_page.get_by_role("button", name="Show more").click()
    assert len(listed(run_page)) == 36
    assert not run_page.locator("#more").is_visible()
    run_page.locator("select[name=class]").select_option("class 4")
    assert [row.get_attribute("data-class") for row in listed(run_page)] == ["class 4"] * 4
    caption = listed(run_page)[1].locator("td.text").first.inner_text()
    run_page.get_by_label("Words in caption or class").fill(caption.upper())
    assert len(listed(run_page)) == 1
    run_page.get_by_label("Words in caption or class").fill("")
    run_page.locator("select[name=class]").select_option("")
    run_page.get_by_label("With both").select_option("wrong")
    run_page.get_by_label("With text only").select_option("right")
    shown = listed(run_page)
    assert shown
    assert all("both" not in row.get_attribute("data-right").split() for row in shown)
    assert all("text" in row.get_attribute("data-right").split() for row in shown)
    assert run_page.locator("#count").inner_text() == f"{len(shown)} of 36 samples match, {len(shown)} are listed"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["run", "gallery"])
def test_a_page_of_samples_does_not_scroll_sideways(
    browser: "api.Browser", pages: dict[str, Path], name: str, viewport: dict[str, int]
) -> None:
    with opened(browser, pages[name]) as page:
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        wide = page.locator(".wide").evaluate_all("(boxes) => boxes.map((box) => box.scrollWidth - box.clientWidth)")
        assert max(wide, default=0) <= 0
        for picture in page.locator("img.sample:visible").all():
            box = picture.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= viewport["width"]


@pytest.mark.parametrize("name", ["run", "gallery"])
def test_a_page_of_samples_fits_paper(browser: "api.Browser", pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name]) as page:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1000})  # A4 within 1 cm
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("document.documentElement.scrollWidth") <= 718
        assert not page.locator("nav, form.filters, .numbers table").first.is_visible()
        parts = page.locator("table:visible, figure, .sample-row")
        assert max(parts.evaluate_all("(all) => all.map((part) => part.getBoundingClientRect().right)")) <= 718
