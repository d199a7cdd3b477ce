"""The demo's page: inputs on top, test samples to begin with, and a column of answers for each chosen run."""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

import gradio as gr
from PIL import Image

from multimodal.api import TrainedRun
from multimodal.demo.answer import Answer, answer_sample
from multimodal.demo.examples import examples_of
from multimodal.demo.inputs import DRAWING, PHOTO, given_inputs
from multimodal.types import MODALITIES

TITLE = "Trained models side by side"
SIDE = 280  # pixels of the canvas
BLACK = Image.new("RGB", (SIDE, SIDE))  # as the background of digits
CANVAS: Any = {"background": BLACK, "layers": [], "composite": None}
COLORS = ["#ffffff", "#000000", "#e69f00", "#8b5a2b", "#808080"]
STROKE = 12  # pixels, the radius
HEIGHT = 270  # pixels, of both ways to give an image
SHOWN, TILE = 224, 88  # pixels a side, of a generated image and of the attention of a word
NARROWEST = 280  # pixels of a column: four beside each other on a desktop, one below the other on a phone
# the fonts of the system, because others would be downloaded
THEME = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
# the icon of the brush's color has that color, which is white at first
CSS = '#canvas button[aria-label="Color"] { background: #666; }'


def build_page(runs: dict[str, TrainedRun], beam_width: int, classes: int) -> gr.Blocks:
    """Build the page.

    Args:
        runs: {name: run}, of which the first is chosen at the beginning.
        beam_width: hypotheses that the beam search keeps.
        classes: number of most probable classes that are shown.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(f"# {TITLE}\nGive an image, a caption or both; every chosen run answers.")
        with gr.Row():
            with gr.Column(min_width=NARROWEST):
                tabs, source, photo, file, drawing = image_inputs()
            with gr.Column(min_width=NARROWEST):
                labels = [(label_of(name, run), name) for name, run in runs.items()]
                chosen = gr.Dropdown(labels, value=list(runs)[:1], multiselect=True, label="Runs")
                caption = gr.Textbox(label="Caption", lines=1, max_lines=4)  # of one line, so that Enter answers
                modalities = [(title, name) for name, title in MODALITIES.items()]
                missing = gr.CheckboxGroup(modalities, label="Missing: hidden from the models, even if given")
                button = gr.Button("Answer", variant="primary")

        for title, samples in examples_of(runs).items():
            add_examples(title, samples, [tabs, source, photo, caption])

        def show(names: list[str], source: str, file: str | None, drawing: Any, text: str, missing: list[str]) -> None:
            given = given_inputs(source, file, drawing, text, missing)
            if not names or not given:
                wanted = "an image, a caption or both, not ticked as missing" if names else "at least one run"
                add_text(f"No answer: give {wanted}.")
                return
            with gr.Row():
                for name in names:
                    with gr.Column(min_width=NARROWEST):
                        run = runs[name]
                        add_answer(name, run, answer_sample(run, given, beam_width), classes)

        inputs = [chosen, source, file, drawing, caption, missing]
        gr.render(inputs, triggers=[button.click, caption.submit])(show)
    return page


def image_inputs() -> tuple[gr.Tabs, gr.State, gr.Image, gr.State, gr.ImageEditor]:
    """Add the two ways to give an image.

    Returns:
        Their tabs, which of them is open, the image, its file, and the drawing.
    """
    source, file = gr.State(PHOTO), gr.State(None)
    with gr.Tabs() as tabs:
        with gr.Tab("Image file", id=PHOTO) as photo_tab:
            photo = gr.Image(format="png", sources=["upload", "clipboard"], buttons=[], height=HEIGHT, show_label=False)
        with gr.Tab("Drawing", id=DRAWING) as drawing_tab:
            drawing = gr.ImageEditor(
                CANVAS,
                type="pil",
                format="png",
                sources=[],
                transforms=[],
                layers=False,
                brush=gr.Brush(default_size=STROKE, colors=list(COLORS), default_color=COLORS[0]),
                canvas_size=(SIDE, SIDE),
                fixed_canvas=True,
                buttons=[],
                height=HEIGHT,
                show_label=False,
                elem_id="canvas",
            )
    # the file as it was given, which gradio does not open: the project's own reading decodes, turns and resizes it
    photo.change(lambda value: value and value["path"], photo, file, preprocess=False)
    photo_tab.select(lambda: PHOTO, outputs=source)
    drawing_tab.select(lambda: DRAWING, outputs=source)
    drawing.clear(lambda: CANVAS, outputs=drawing)
    return tabs, source, photo, file, drawing


def label_of(name: str, run: TrainedRun) -> str:
    """Return a run's label: its folder's name, with what was trained unless the name says it."""
    record = run.record
    return name if name.endswith(record.name) else f"{name}: {record.dataset}, {record.fusion}, seed {record.seed}"


def add_text(text: str) -> None:
    """Add a paragraph of plain text."""
    gr.HTML(f"<p>{escape(text)}</p>", padding=False)


def add_answer(name: str, run: TrainedRun, answer: Answer, classes: int) -> None:
    """Add what a run answers, below its fusion and its name."""
    gr.HTML(f"<h3>{escape(run.record.fusion)}</h3><p>{escape(label_of(name, run))}</p>", padding=False)
    for note in answer.notes:
        add_text(note)
    if answer.problem is not None:
        add_text(f"No answer: {answer.problem}")
        return
    gr.Label(answer.probability, num_top_classes=classes, label="Class")
    if answer.caption is not None:
        gr.Textbox(answer.caption, label="Written caption", lines=2)
    if answer.image is not None:
        add_pictures("Drawn image", [(answer.image, "")], SHOWN)
    if answer.attention:
        add_pictures("Attention of each word, in colour where above the uniform weight", answer.attention, TILE)


def add_pictures(title: str, pictures: Sequence[tuple[Image.Image, str]], width: int) -> None:
    """Add pictures with a text below each, as many in a row as there is room for.

    Args:
        title: of all of them.
        pictures: each with its text.
        width: pixels of one; its own pixels stay squares.
    """
    figures = "".join(
        f'<figure style="margin: 0; width: {width}px"><img src="{png_uri(picture)}" alt="{escape(text or title)}" '
        f'style="width: 100%; image-rendering: pixelated"><figcaption style="overflow-wrap: anywhere">{escape(text)}'
        "</figcaption></figure>"
        for picture, text in pictures
    )
    row = f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{figures}</div>'
    gr.HTML(f"<p>{escape(title)}</p>{row}", padding=False)


def png_uri(picture: Image.Image) -> str:
    """Return the address that contains a picture as a PNG file."""
    data = BytesIO()
    picture.save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def add_examples(title: str, samples: list[tuple[Image.Image, str]], outputs: list[Any]) -> None:
    """Add test samples, of which a click takes one as the input.

    Args:
        title: of the samples.
        samples: images and their captions.
        outputs: the tabs, which of them is open, the image file, and the caption.
    """
    pictures = gr.Dataset(
        components=[gr.Image(format="png", render=False)],
        samples=[[picture] for picture, _ in samples],
        label=title,
        type="index",
        layout="gallery",
    )
    pictures.click(lambda i: (gr.Tabs(selected=PHOTO), PHOTO, *samples[i]), pictures, outputs)
