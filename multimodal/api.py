"""The suite from a notebook or a script: the same folders, keys and numbers as the command line."""

import gc
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.errors import InstantiationException
from PIL import Image, ImageOps

from multimodal import run
from multimodal.comparison import comparison
from multimodal.comparison.reading import read_runs
from multimodal.dataset.data import Data
from multimodal.errors import read_object
from multimodal.inference import check_inputs, join_samples, predict_samples, read_sample
from multimodal.io import read_parquet
from multimodal.model import MultimodalModel, no_head
from multimodal.paths import expanded
from multimodal.runs import build
from multimodal.runs.checkpoint import GENERATE_MAY_SET, Checkpoint, load_model, open_checkpoint
from multimodal.runs.composition import Composition, compose
from multimodal.runs.overrides import check_overrides, with_files_of_checkpoint
from multimodal.runs.record import RunRecord, read_record
from multimodal.runs.settings import check_compared, check_settings, explain
from multimodal.runs.trust import trusted_packages
from multimodal.sweep import build_tracker
from multimodal.training.checkpoint_file import WEIGHTS

log = logging.getLogger(__name__)

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")
Picture = str | Path | Image.Image | np.ndarray


@dataclass(frozen=True)
class Prediction:
    """What a model answers to one sample.

    Args:
        probability: {class name: probability}.
        caption: decoded by beam search; None if the model has no text head.
        image: (H, W) grey or (H, W, 3) RGB, uint8; None if the model has no image head.
    """

    probability: dict[str, float]
    caption: str | None
    image: np.ndarray | None

    @property
    def label(self) -> str:
        """The most probable class."""
        return max(self.probability, key=self.probability.__getitem__)


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, read from its folder.

    Args:
        folder: of the run.
        record: what was run, on which data.
        metrics: {name: value}, None where undefined.
        trust: packages whose code the checkpoint's config may name, beside what `conf/` offers.
        overrides: of the checkpoint's config.
    """

    folder: Path
    record: RunRecord = field(repr=False)  # pages long at the end of a notebook's cell
    metrics: dict[str, Any] = field(repr=False)
    trust: str | Sequence[str] = field(default=(), repr=False)
    overrides: Sequence[str] = field(default=(), repr=False)

    @property
    def config(self) -> dict[str, Any]:
        """Every setting, resolved."""
        return self.record.config

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row for each validation."""
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each test sample: its label and caption, and what was predicted under each condition."""
        return read_parquet(self.folder / "predictions.parquet")

    @cached_property
    def figures(self) -> dict[str, Path]:
        """{name: PNG file}."""
        return {file.stem: file for file in sorted(self.folder.glob("*.png"))}

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that `training.select` chose."""
        composition = compose(with_files_of_checkpoint(["mode=generate", "checkpoint=''", *self.overrides]))
        composition.config.checkpoint, composition.config.trust = str(self.folder), trusted_packages(self.trust)
        return open_checkpoint(composition, GENERATE_MAY_SET)

    @cached_property
    def model(self) -> MultimodalModel:
        """The trained model, in evaluation mode."""
        return load_model(self.checkpoint).eval()

    def predict(
        self,
        text: str | Sequence[str | None] | None = None,
        image: Picture | Sequence[Picture | None] | None = None,
        beam_width: int = 5,
    ) -> Any:
        """Predict class, caption and image of one sample or of several.

        Args:
            text: a caption, or a list with a caption or None for each sample; None: no sample has one.
            image: a file, a PIL image or an array (H, W) or (H, W, C) of uint8, or a list of these and None.
            beam_width: hypotheses that the beam search keeps.

        Returns:
            A `Prediction`, or a list of them if a list was given. What the model has no head for is None, and logged.

        Raises:
            ValueError: nothing is given, the lists differ in length, an input cannot be read, or the fusion ignores it.
        """
        one = not isinstance(text, list | tuple) and not isinstance(image, list | tuple)
        texts, images = as_columns(text, image)
        data = self.checkpoint.config.dataset
        samples, vocabulary = [], self.checkpoint.vocabulary
        for caption, picture in zip(texts, images, strict=True):
            inputs: dict[str, Any] = {} if caption is None else {"text": caption}
            if picture is not None:
                inputs["image"] = as_file(picture)
            check_inputs(self.model, inputs, self.record.fusion)
            samples.append(read_sample(inputs, self.model, vocabulary, data.max_words, data.image_size, data.channels))
        generated = predict_samples(self.model, join_samples(samples), beam_width)
        names = self.checkpoint.class_names
        captions: Sequence[str | None] = [None] * len(samples)
        pictures: Sequence[np.ndarray | None] = [None] * len(samples)
        if generated.beam is not None:
            captions = vocabulary.decode(generated.beam)
        if generated.image is not None:
            pixels = (generated.image * 255).round().byte().movedim(1, -1).numpy()  # (N, H, W, C)
            pictures = [x[..., 0] if x.shape[-1] == 1 else x for x in pixels]
        for head, made in (("image", "image"), ("text", "caption")):
            if head not in self.model.heads:
                log.warning("%s: the prediction's %s is None", no_head(head), made)
        predictions = [
            Prediction(dict(zip(names, p.tolist(), strict=True)), c, x)
            for p, c, x in zip(generated.probability, captions, pictures, strict=True)
        ]
        return predictions[0] if one else predictions


def as_columns(text: Any, image: Any) -> tuple[list[str | None], list[Picture | None]]:
    """Return a caption or None and an image or None for each sample; ValueError where the two do not fit."""
    columns: list[list[Any] | None] = [
        list(c) if isinstance(c, list | tuple) else None if c is None else [c] for c in (text, image)
    ]
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("give text=<a caption>, image=<an image>, or lists of them that are equally long")
    (count,) = lengths
    missing: list[Any] = [None] * count
    texts, images = (missing if column is None else column for column in columns)
    if any(t is None and i is None for t, i in zip(texts, images, strict=True)):
        raise ValueError("a sample has neither a caption nor an image")
    if other := [t for t in texts if t is not None and not isinstance(t, str)]:
        raise ValueError(f"text must be a caption, or a list of captions and None, got {other[0]!r}")
    return texts, images


def as_file(image: Picture) -> str | io.BytesIO:
    """Return the path of an image, or its file in memory, upright.

    Raises:
        ValueError: an array is not (H, W) or (H, W, C) of uint8.
    """
    if isinstance(image, str | Path):
        return str(image)
    if not isinstance(image, Image.Image):
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)):
            raise ValueError(
                f"image: an array must be (H, W) or (H, W, C) of uint8, got {array.shape} of {array.dtype}"
            )
        image = Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)
    upright = ImageOps.exif_transpose(image)
    # no file can hold HSV; Pillow 12 cannot read its own TIFF of YCbCr
    upright = upright.convert("RGB") if upright.mode in ("HSV", "YCbCr") else upright
    file = io.BytesIO()
    upright.save(file, "PNG" if upright.mode in PNG_MODES else "TIFF")
    file.seek(0)
    return file


def requested(overrides: Sequence[str]) -> Composition:
    """Compose the config of these overrides; ValueError for a setting that does not exist or is wrong."""
    check_overrides(overrides, multirun=False)
    composition = compose(overrides)
    check_settings(composition.config)
    return composition


@contextmanager
def plain_errors(composition: Composition) -> Iterator[None]:
    """Turn Hydra's error for a component that cannot be built into a ValueError of one line."""
    try:
        yield
    except InstantiationException as error:
        raise ValueError(explain(error, composition.config)) from error


def train(*overrides: str) -> TrainedRun:
    """Train and evaluate as `scripts/run.py` does, and return the run; a finished one is read and not trained again.

    Args:
        overrides: as on the command line: `dataset=mnist`, `training.steps=100`.

    Raises:
        ValueError: a setting is unknown or wrong.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # has no effect where logging is set up already
    composition = requested(overrides)
    if composition.choices["mode"] != "train":
        raise ValueError(f"multimodal.train cannot run mode={composition.choices['mode']}; give it to scripts/run.py")
    with plain_errors(composition):
        folder = run.train(composition, build_tracker(composition.config))
    gc.collect()  # the model lies in cycles, which Python else leaves for many runs
    return load(folder)


def load(folder: str | Path, *overrides: str, trust: str | Sequence[str] = ()) -> TrainedRun:
    """Read a finished run from its folder; nothing of what it names is run before `model` or `predict` is used.

    Args:
        folder: of the run.
        overrides: files of frozen encoders that have moved since: `encoder.image.weights=<their new place>`.
        trust: packages whose code the checkpoint's config may name, beside what `conf/` offers: `["mine"]`.

    Raises:
        ValueError: the folder holds no finished run, or a damaged one.
    """
    folder = expanded(folder)
    if not (folder / "metrics.json").is_file():
        exported = "; of an exported model, mode=generate checkpoint=<its folder> predicts"
        raise ValueError(f"there is no finished run in {folder}{exported if (folder / WEIGHTS).is_file() else ''}")
    try:
        metrics = read_object(folder / "metrics.json")
    except ValueError as error:
        raise ValueError(f"{folder} holds a damaged run: {error}") from error
    return TrainedRun(folder, read_record(folder), metrics, trust, overrides)


def load_data(*overrides: str) -> Data:
    """Read a dataset: its splits in memory, vocabulary, class names and data card.

    Raises:
        ValueError: a setting is unknown or wrong, or the data cannot be read.
    """
    composition = requested(overrides)
    with plain_errors(composition):
        return build.read_data(composition.config)


def build_model(*overrides: str, data: Data) -> MultimodalModel:
    """Build a model with random weights for the sizes of a dataset.

    Raises:
        ValueError: a setting is unknown or wrong.
    """
    composition = requested(overrides)
    with plain_errors(composition):
        return build.build_model(composition.config, data)


def compare(folder: str | Path, margin: float = 0.01, compared: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Compare the finished runs in a folder.

    Args:
        folder: of a sweep, or of any runs.
        margin: differences of accuracy within it count as equivalent; 0.01 is one point.
        compared: choices and settings that are compared with each other like fusions: `["loss"]`; None for those
            of the sweeps that made the runs.

    Returns:
        {title: table}, indexed by data and line: numbers where a cell has one, else its text.

    Raises:
        ValueError: there is no finished run, or `compared` has what cannot be compared.
    """
    folder = expanded(folder)
    check_compared(compared)
    runs, failures = read_runs(folder, compared)
    if not runs:
        raise ValueError(f"there is no finished run in {folder}")
    tables = comparison.compare(folder, runs, failures, margin).tables
    return {table.caption: table.as_frame() for table in tables}
