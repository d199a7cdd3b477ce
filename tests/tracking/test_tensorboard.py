"""Event files are read back by TensorBoard's own reader."""

import numpy as np
import pytest
from PIL import Image

from multimodal.tracking.tracker import TrackedRun

pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from multimodal.tracking.tensorboard import FOLDER, TensorBoardTracker

RUN = TrackedRun("key", "one", "sweep", "train", ["mnist"], {"seed": 3}, resume=True)
ROWS = [{"image": np.full((4, 4, 1), 9, np.uint8), "class": "a", "right": True}] * 2


def opened(folder) -> TensorBoardTracker:
    return TensorBoardTracker(50, 5, 0).open(folder, RUN)


def events(folder) -> EventAccumulator:
    """Everything that was written, in order."""
    read = EventAccumulator(str(folder / FOLDER), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return read.Reload()


def curve(folder, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


def test_curves_figures_tables_and_metrics_are_read_back(tmp_path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "tsne.png")
    with opened(tmp_path) as run:
        run.log({"step": 10, "train/loss": 2.5})
        run.log({"step": 20, "train/loss": 1.5})
        run.table("predictions/test", ROWS)
        run.figures({"tsne": tmp_path / "tsne.png"})
        run.summary({"test/accuracy": 0.75, "train/loss": 1.5, "kept_step": 20, "test/undefined": None})
    assert curve(tmp_path, "train/loss") == [(10, 2.5), (20, 1.5)]
    assert curve(tmp_path, "test/accuracy") == [(20, 0.75)]
    read = events(tmp_path)
    assert set(read.Tags()["images"]) == {"predictions/test/image", "figure/tsne"}
    assert read.Images("predictions/test/image")[0].step == 20
    text = read.Tensors("predictions/test/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text == "| class | right |\n| --- | --- |\n| a | True |\n| a | True |"
    assert "seed: 3" in read.Tensors("run/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "test/undefined" not in read.Tags()["scalars"]


def test_a_resumed_run_goes_on_and_repeats_no_row(tmp_path) -> None:
    for steps in ((10, 20), (10, 20, 30)):
        with opened(tmp_path) as run:
            for step in steps:
                run.log({"step": step, "train/loss": float(step)})
            run.summary({"test/accuracy": 0.5})
    assert [step for step, _ in curve(tmp_path, "train/loss")] == [10, 20, 30]


def test_an_error_passes_and_is_recorded(tmp_path) -> None:
    def diverge() -> None:
        with opened(tmp_path) as run:
            run.log({"step": 10, "train/loss": 2.5})
            raise ValueError("diverged")

    with pytest.raises(ValueError, match="diverged"):
        diverge()
    text = events(tmp_path).Tensors("error/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text == "    ValueError: diverged"
