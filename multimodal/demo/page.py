"""The demo's page: inputs on top, test samples to begin with, and a column of answers for each chosen run."""

from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from multimodal.api import TrainedRun, as_file
from multimodal.demo.answer import Answer, answer_sample
from multimodal.inference import enlarged
from multimodal.pages.samples import read_samples
from multimodal.types import MODALITIES

TITLE = "Trained models side by side"
SIDE = 280  # pixels of the canvas
CANVAS = {"background": Image.new("RGB", (SIDE, SIDE)), "layers": [], "composite": None}  # black, as digits have it
COLORS = ["#ffffff", "#000000", "#e69f00", "#8b5a2b", "#808080"]
STROKE = 12  # pixels, the radius
HEIGHT = 270  # pixels, of both ways to give an image
SHOWN, THUMBNAIL = 224, 112  # pixels a side, at least, of generated images and of test samples
EXAMPLES = 6  # test samples of each dataset
NARROWEST = 300  # pixels of a column, so that a phone stacks them
PHOTO, DRAWING = "photo", "drawing"
# the fonts of the system, because others would be downloaded
THEME = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


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
                tabs, source, photo, drawing = image_inputs()
            with gr.Column(min_width=NARROWEST):
                labels = [(label_of(name, run), name) for name, run in runs.items()]
                chosen = gr.Dropdown(labels, value=list(runs)[:1], multiselect=True, label="Runs")
                caption = gr.Textbox(label="Caption", lines=2)
                modalities = [(title, name) for name, title in MODALITIES.items()]
                missing = gr.CheckboxGroup(modalities, label="Missing: hidden from the models, even if given")
                button = gr.Button("Answer", variant="primary")

        @gr.render([chosen, source, photo, drawing, caption, missing], triggers=[button.click, caption.submit])
        def show(names: list[str], source: str, photo: str | None, drawing: Any, text: str, missing: list[str]) -> None:
            given = given_inputs(source, photo, drawing, text, missing)
            if not names or not given:
                wanted = "an image, a caption or both, not ticked as missing" if names else "at least one run"
                add_text(f"No answer: give {wanted}.")
                return
            with gr.Row():
                for name in names:
                    with gr.Column(min_width=NARROWEST):
                        gr.HTML(f"<h3>{escape(label_of(name, runs[name]))}</h3>")
                        add_answer(answer_sample(runs[name], given, beam_width), classes)

        for title, samples in examples_of(runs).items():
            add_examples(title, samples, [tabs, source, photo, caption])
    return page


def image_inputs() -> tuple[gr.Tabs, gr.State, gr.Image, gr.ImageEditor]:
    """Add the two ways to give an image, and return their tabs, which of them is open, and the two."""
    source = gr.State(PHOTO)
    with gr.Tabs() as tabs:
        with gr.Tab("Image file", id=PHOTO) as photo_tab:
            photo = gr.Image(
                type="filepath",  # as it is: the project's own reading decodes, turns and resizes it
                image_mode=None,
                format="png",
                sources=["upload", "clipboard"],
                buttons=[],
                height=HEIGHT,
                label="Image",
            )
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
                label="Canvas",
            )
    photo_tab.select(lambda: PHOTO, outputs=source)
    drawing_tab.select(lambda: DRAWING, outputs=source)
    drawing.clear(lambda: CANVAS, outputs=drawing)
    return tabs, source, photo, drawing


def label_of(name: str, run: TrainedRun) -> str:
    """Return a run's label: its folder's name, with what was trained unless the name says it."""
    record = run.record
    return name if name.endswith(record.name) else f"{name}: {record.dataset}, {record.fusion}, seed {record.seed}"


def given_inputs(source: str, photo: str | None, drawing: Any, text: str, missing: Sequence[str]) -> dict[str, Any]:
    """Return what the models are given: {"text": caption, "image": its file in memory}, or less.

    Args:
        source: which image is meant, PHOTO or DRAWING.
        photo: path of an image file.
        drawing: of `gr.ImageEditor`; an empty canvas is no image.
        text: the caption; blank is none.
        missing: modalities that are left out.
    """
    given: dict[str, Any] = {}
    if text and text.strip():
        given["text"] = text
    if source == PHOTO and photo is not None:
        given["image"] = BytesIO(Path(photo).read_bytes())
    drawn = drawing["composite"] if source == DRAWING and drawing is not None else None
    if drawn is not None and len(drawn.getcolors(SIDE * SIDE) or "many") > 1:
        given["image"] = as_file(drawn)
    return {name: value for name, value in given.items() if name not in missing}


def add_text(text: str) -> None:
    """Add a paragraph of plain text."""
    gr.HTML(f"<p>{escape(text)}</p>")


def add_answer(answer: Answer, classes: int) -> None:
    """Add what a run answers."""
    for note in answer.notes:
        add_text(note)
    if answer.problem is not None:
        add_text(f"No answer: {answer.problem}")
        return
    gr.Label(answer.probability, num_top_classes=classes, label="Class")
    if answer.caption is not None:
        gr.Textbox(answer.caption, label="Written caption", lines=2)
    if answer.image is not None:
        gr.Image(enlarged(answer.image, SHOWN), format="png", label="Drawn image", buttons=[], height=SHOWN + 40)
    if answer.attention:
        gr.Gallery(
            [(enlarged(picture, SHOWN), word) for picture, word in answer.attention],
            label="Attention of each word",
            columns=4,
            height="auto",
            object_fit="contain",
            format="png",
            buttons=[],
        )


def add_examples(title: str, samples: list[tuple[Image.Image, str]], outputs: list[Any]) -> None:
    """Add test samples, of which a click takes one as the input.

    Args:
        title: of the samples.
        samples: images and their captions.
        outputs: the tabs, which of them is open, the image file, and the caption.
    """
    pictures = [enlarged(picture, THUMBNAIL) for picture, _ in samples]
    gallery = gr.Gallery(
        pictures, label=title, columns=EXAMPLES, height="auto", allow_preview=False, format="png", buttons=[]
    )

    def take(event: gr.SelectData) -> tuple[Any, str, Image.Image, str]:
        return gr.Tabs(selected=PHOTO), PHOTO, *samples[event.index]

    gallery.select(take, outputs=outputs)


def examples_of(runs: dict[str, TrainedRun]) -> dict[str, list[tuple[Image.Image, str]]]:
    """Return some test samples of each dataset: {title: [(image, caption), ...]}; of runs without any, none."""
    examples: dict[str, list[tuple[Image.Image, str]]] = {}
    for run in runs.values():
        title = f"Test samples of {run.record.dataset} ({run.record.data_source}), to try"
        rows = [] if title in examples else read_samples(run.folder)
        if rows:
            some = rows[:: -(-len(rows) // EXAMPLES)]
            examples[title] = [(Image.open(BytesIO(row["image"])), row["caption"]) for row in some]
    return examples
