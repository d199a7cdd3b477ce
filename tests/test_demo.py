"""mode=demo: which runs are found, what they answer, that the page shows it and asks nobody else, and how it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

import multimodal
from multimodal.demo.answer import answer_sample
from multimodal.demo.command import check_address, find_runs, on_this_machine
from multimodal.demo.examples import examples_of
from multimodal.demo.inputs import DRAWING, PHOTO, given_inputs
from multimodal.inference import read_image
from multimodal.pages.samples import read_samples
from tests.helpers.browser import DESKTOP, PHONE, needs_browser
from tests.helpers.command import BRIEF, SCRIPT, TINY, command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUNS = ("attention", "image_only")
needs_gradio = pytest.mark.skipif(
    find_spec("gradio") is None, reason="gradio is not installed: pip install -e '.[demo]'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `runs` holds a tiny run of each fusion, and an evaluation, which has no model."""
    folder = tmp_path_factory.mktemp("demo")
    for name in RUNS:
        brief = [*BRIEF, "evaluation.figures=null", "tracking=disabled", f"fusion={name}", f"output_dir=runs/{name}"]
        done = command(folder, *brief)
        assert done.status == 0, done.stderr
    shutil.copytree(folder / "runs/attention", folder / "runs/again", ignore=shutil.ignore_patterns("*.pt"))
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, multimodal.TrainedRun]:
    return find_runs(folder / "runs", ())


def test_each_dataset_has_some_test_samples(runs) -> None:
    ((title, samples),) = examples_of(runs).items()
    assert title == "Test samples of mnist (embedded), to try"
    assert len(samples) == 6
    assert {image.size for image, _ in samples} == {(28, 28)}
    assert all(caption for _, caption in samples)


@needs_gradio
def test_a_test_sample_is_read_as_the_test_image_that_it_is(runs, tmp_path) -> None:
    """Bit by bit, after the page has saved it."""
    import gradio

    test = multimodal.load_data("dataset=mnist", *TINY[:2]).splits["test"]
    saved = [row for row in read_samples(runs["attention"].folder) if row["image/exact"] is not None]
    ((_, samples),) = examples_of(runs).items()
    photo = gradio.Image(format="png")
    photo.GRADIO_CACHE = str(tmp_path)
    for row, (image, caption) in zip(saved, samples, strict=True):
        file = photo.postprocess(image).path
        (given,) = given_inputs(PHOTO, file, None, "", []).values()
        assert torch.equal((read_image(given, 28, 1)[0] * 255).round().byte(), test.image[row["index"]])
        assert caption == row["caption"]


def test_damaged_test_samples_are_left_out_with_a_warning(folder: Path, tmp_path, caplog) -> None:
    shutil.copytree(folder / "runs/attention", tmp_path / "run")
    (tmp_path / "run/samples.parquet").write_text("no table")
    assert examples_of(find_runs(tmp_path, ())) == {}
    assert "no test samples of" in caplog.text


def digit() -> Image.Image:
    """A bar on black."""
    pixels = np.zeros((40, 40), np.uint8)
    pixels[5:35, 18:23] = 255
    return Image.fromarray(pixels)


def in_memory(image: Image.Image, kind: str = "PNG") -> BytesIO:
    file = BytesIO()
    image.save(file, kind)
    return file


def test_finished_runs_with_a_checkpoint_are_found_newest_first(runs) -> None:
    assert list(runs) == ["image_only", "attention"]


def test_a_run_may_be_the_folder_itself(folder: Path) -> None:
    assert list(find_runs(folder / "runs/attention", ())) == ["attention"]


def test_runs_in_folders_beside_a_run_are_found(folder: Path, tmp_path) -> None:
    for place, name in (("one", "attention"), ("sweep/two", "image_only")):
        shutil.copytree(folder / "runs" / name, tmp_path / place)
    assert set(find_runs(tmp_path, ())) == {"one", "sweep/two"}


def test_a_damaged_run_is_left_out_with_a_warning(folder: Path, tmp_path, caplog) -> None:
    for name in RUNS:
        shutil.copytree(folder / "runs" / name, tmp_path / name)
    (tmp_path / "attention/config.yaml").write_text("{")
    assert list(find_runs(tmp_path, ())) == ["image_only"]
    assert "attention is left out" in caplog.text
    assert "config.yaml is damaged" in caplog.text


def test_the_answer_is_that_of_the_notebook(runs) -> None:
    """Both inputs, and the attention of each word as a picture."""
    answer = answer_sample(runs["attention"], {"text": "a thick seven", "image": in_memory(digit())}, 2)
    expected = runs["attention"].predict("a thick seven", digit(), beam_width=2)
    assert answer.problem is None
    assert answer.probability == expected.probability
    assert answer.caption == expected.caption
    assert np.array_equal(np.asarray(answer.image), expected.image)
    assert [word for _, word in answer.attention] == ["a", "thick", "seven"]
    assert {picture.mode for picture, _ in answer.attention} == {"RGB"}


@pytest.mark.parametrize("given", ["text", "image"])
def test_there_is_no_attention_of_one_modality(runs, given: str) -> None:
    both = {"text": "a thick seven", "image": in_memory(digit())}
    answer = answer_sample(runs["attention"], {given: both[given]}, 2)
    assert sum(answer.probability.values()) == pytest.approx(1, abs=1e-5)
    assert answer.attention == []


def test_a_model_is_loaded_once(folder: Path, monkeypatch) -> None:
    (run,) = find_runs(folder / "runs/attention", ()).values()
    assert "model" not in vars(run)
    answers = [answer_sample(run, {"text": "a thick seven"}, 2)]
    monkeypatch.setattr("multimodal.api.load_model", lambda _: pytest.fail("it was loaded again"))
    answers.append(answer_sample(run, {"text": "a thick seven"}, 2))
    assert answers[0].probability == answers[1].probability


def test_what_a_fusion_does_not_read_is_left_out_and_said(runs) -> None:
    alone = answer_sample(runs["image_only"], {"image": in_memory(digit())}, 2)
    both = answer_sample(runs["image_only"], {"text": "a thick seven", "image": in_memory(digit())}, 2)
    assert both.probability == alone.probability
    assert (alone.notes, both.notes) == ([], ["image_only does not read the caption"])


def test_an_unknown_word_is_said(runs) -> None:
    answer = answer_sample(runs["attention"], {"text": "a thick zebra"}, 2)
    assert answer.notes == ["text: the vocabulary lacks 'zebra', read as <unk>"]
    assert answer.problem is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "RGB", "P", "1", "CMYK", "I;16"])
def test_a_picture_of_any_mode_is_read(runs, mode: str) -> None:
    picture = digit().convert("I").convert(mode) if mode == "I;16" else digit().convert(mode)
    file = in_memory(picture, "JPEG" if mode == "CMYK" else "PNG")
    answer = answer_sample(runs["attention"], {"image": file}, 2)
    assert answer.problem is None
    assert len(answer.probability) == 10


@pytest.mark.parametrize(
    ("name", "inputs", "problem"),
    [
        ("attention", {"text": "zebra quagga"}, "text: no word that the model learned is in 'zebra quagga'"),
        ("attention", {"image": BytesIO(b"no image")}, "image: the picture cannot be used: image does not decode"),
        ("attention", {"image": in_memory(Image.new("L", (2, 2)))}, "image is too small: 2x2 pixels"),
        ("image_only", {"text": "a thick seven"}, "the model fuses by image_only, which does not read text"),
    ],
)
def test_bad_input_is_a_problem_and_no_error(runs, name: str, inputs: dict, problem: str) -> None:
    answer = answer_sample(runs[name], inputs, 2)
    assert problem in str(answer.problem)
    assert answer.probability == {}


def test_a_checkpoint_that_is_gone_is_a_problem_and_no_error(folder: Path, tmp_path) -> None:
    shutil.copytree(folder / "runs/attention", tmp_path / "run")
    (run,) = find_runs(tmp_path / "run", ()).values()
    (tmp_path / "run/best.pt").unlink()
    assert "there is no" in str(answer_sample(run, {"text": "a thick seven"}, 2).problem)


def test_the_open_tab_gives_the_image_and_what_is_ticked_is_left_out(tmp_path) -> None:
    digit().save(tmp_path / "a.png")
    canvas = Image.new("RGBA", (8, 8), "black")
    drawn = canvas.copy()
    drawn.putpixel((3, 3), (255, 255, 255, 255))
    file, empty, drawing = str(tmp_path / "a.png"), {"composite": canvas}, {"composite": drawn}
    assert given_inputs(PHOTO, None, drawing, " ", []) == {}
    assert given_inputs(DRAWING, file, empty, "", []) == {}
    assert given_inputs(DRAWING, file, None, "", []) == {}
    assert given_inputs(PHOTO, file, drawing, "a seven", ["image"]) == {"text": "a seven"}
    (photo,) = given_inputs(PHOTO, file, drawing, "a seven", ["text"]).values()
    assert photo.getvalue() == (tmp_path / "a.png").read_bytes()
    (ink,) = given_inputs(DRAWING, file, drawing, "", []).values()
    assert Image.open(ink).convert("L").getextrema() == (0, 255)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["output_dir=nowhere"], "output_dir: there is no finished run with a best.pt in nowhere; give a run's folder"),
        (["output_dir=runs/again"], "output_dir: there is no finished run with a best.pt in runs/again; give a run's"),
        (["checkpoint=runs/attention"], "mode=demo takes the models from the runs in output_dir: checkpoint cannot be"),
        (["mode.port=99999"], "mode.port must be a whole number from 1 to 65535, got 99999"),
        (["mode.classes=0"], "mode.classes must be a whole number of 1 or more, got 0"),
        (["mode.host=192.0.2.1"], "mode.host=192.0.2.1: cannot serve there"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(folder: Path, monkeypatch, arguments: list[str], message: str) -> None:
    monkeypatch.setattr("multimodal.demo.command.check_installed", lambda: None)
    done = command(folder, "mode=demo", *arguments)
    assert done.status == 1
    assert f"\nerror: {message}" in f"\n{done.stderr}"


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ValueError, match=rf"mode.host=127.0.0.1 mode.port={port}: cannot serve there \(.*in use"):
            check_address("127.0.0.1", port)


def test_a_missing_extra_is_one_clear_error(folder: Path, monkeypatch) -> None:
    find = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "gradio" else find(name, *a))
    done = command(folder, "mode=demo", "output_dir=runs")
    assert done.status == 1
    assert "error: mode=demo needs gradio: pip install 'multimodal-suite[demo]'" in done.stderr


def test_gradio_sends_nothing_and_leaves_no_file(monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    before = dict(os.environ)
    with on_this_machine("127.0.0.1"):
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        assert os.environ["no_proxy"] == "example.org,127.0.0.1,localhost"
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        (folder / "photo.png").touch()
    assert not folder.exists()
    assert dict(os.environ) == before


@contextmanager
def serving(folder: Path, number: signal.Signals) -> Iterator[str]:
    """Yield the address that the command prints; the signal ends it, with its number as exit status."""
    # a process of its own: the server leaves open sockets, which other tests here would be blamed for
    line = [sys.executable, SCRIPT, "mode=demo", "output_dir=runs", "mode.width=2"]
    with (
        (folder / "errors.txt").open("w") as errors,
        subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        address, _, rest = process.stdout.readline().partition(" ")
        yield address
        process.send_signal(number)
        process.wait(60)
    written = (folder / "errors.txt").read_text()
    assert process.returncode == 128 + number, written
    assert written.endswith("; the demo is ended\n")
    # of a page that was closed while it sent a picture
    assert written.count("Traceback") == written.count("\nstarlette.requests.ClientDisconnect\n"), written
    assert urlsplit(address).hostname == "127.0.0.1"
    assert rest == "shows 2 runs of runs; Ctrl-C ends it\n"


@needs_gradio
@pytest.mark.slow
def test_sigterm_ends_the_command(folder: Path) -> None:
    with serving(folder, signal.SIGTERM) as address:
        assert address


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, signal.SIGINT) as address:
        yield address


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    """The page; that nothing went wrong, and that nobody but this machine was asked, is checked at the end."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors, asked = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_role("button", name="Answer").wait_for()
    yield page
    assert errors == []
    elsewhere = [url for url in asked if url.startswith(("http", "ws")) and not url.startswith(address)]
    assert elsewhere == []
    context.close()


def choose(page: "Page", name: str) -> None:
    """Choose one more run."""
    box = page.get_by_label("Runs")
    box.click()
    page.get_by_role("option", name=name).click()
    page.keyboard.press("Escape")


def draw(page: "Page") -> None:
    """Draw a bar on the canvas."""
    page.get_by_role("tab", name="Drawing").click()
    canvas = page.locator("canvas").first
    canvas.wait_for()
    page.get_by_label("Brush").first.wait_for()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y - 60)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=8)
    page.mouse.up()


@needs_gradio
@needs_browser
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_several_runs_answer_side_by_side(page: "Page", tmp_path, viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)
    choose(page, "attention")
    page.get_by_label("Caption", exact=True).fill("a thick zebra <b>")
    digit().convert("RGBA").save(tmp_path / "digit.png")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "digit.png")
    page.get_by_label("Remove Image").wait_for()
    page.get_by_label("Caption", exact=True).press("Enter")
    page.get_by_text("Attention of each word").wait_for()
    assert page.get_by_text("image_only does not read the caption").is_visible()
    assert page.get_by_text("text: the vocabulary lacks 'zebra', '<', 'b', '>', read as <unk>").is_visible()
    assert page.get_by_label("Written caption").count() == 2
    assert page.locator("img[alt='Drawn image']").count() == 2
    words = page.locator("figcaption").all_inner_texts()
    assert [word for word in words if word] == ["a", "thick", *["<unk>"] * 4]
    first, second = (page.locator("h3").nth(i).bounding_box() for i in range(2))
    assert (first["x"] == second["x"]) == (viewport is PHONE)  # stacked, or side by side
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@needs_gradio
@needs_browser
def test_a_drawing_is_answered_and_bad_input_is_told(page: "Page", tmp_path) -> None:
    answer = page.get_by_role("button", name="Answer")
    answer.click()
    page.get_by_text("No answer: give an image, a caption or both").wait_for()
    (tmp_path / "broken.png").write_bytes(b"no image")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "broken.png")
    page.get_by_label("Remove Image").wait_for()
    answer.click()
    page.get_by_text("No answer: image: the picture cannot be used: image does not decode").wait_for()
    draw(page)
    answer.click()
    page.locator("img[alt='Drawn image']").wait_for()


@needs_gradio
@needs_browser
def test_a_test_sample_fills_image_and_caption_in(page: "Page", runs) -> None:
    draw(page)
    page.get_by_role("button", name="Answer").click()
    page.get_by_label("Written caption").wait_for()
    page.get_by_label("Caption", exact=True).fill("")
    page.locator(".gallery-item").first.click()
    page.get_by_label("Remove Image").wait_for()
    caption = read_samples(runs["image_only"].folder)[0]["caption"]
    page.wait_for_function(
        "text => [...document.querySelectorAll('textarea')].some(t => t.value === text)", arg=caption
    )
