from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.io import write_parquet
from multimodal.pages.samples import EXACT, FILE, as_picture, read_samples, write_samples
from tests.helpers.made_up_results import made_up_run


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_read_as_they_were_written(tmp_path: Path, channels: int) -> None:
    data, results = made_up_run(3, 4, 5, channels)
    rows = predictions_of_test(data, results.predictions, ("image",), 6)
    written = write_samples(rows, tmp_path)
    assert read_samples(tmp_path) == written
    assert [row["caption"] for row in written] == [row["caption"] for row in rows]
    assert all(row["drawn/text"] is None and row["image"][8:12] == b"WEBP" for row in written)


@pytest.mark.parametrize(("height", "width", "scaled"), [(28, 64, (64, 28)), (224, 448, (96, 48))])
def test_large_pictures_are_scaled_down(height: int, width: int, scaled: tuple[int, int]) -> None:
    assert Image.open(BytesIO(as_picture(np.zeros((height, width, 3), np.uint8)))).size == scaled


@pytest.mark.parametrize("shape", [(28, 28, 1), (128, 128, 3)])
def test_some_samples_are_saved_pixel_by_pixel(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    data, results = made_up_run(5, 4, 5, shape[-1])
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    rows = predictions_of_test(data, results.predictions, ("image",), 20)
    write_samples([row | {"image": pixels} for row in rows], tmp_path)
    exact = [row[EXACT] for row in read_samples(tmp_path)]
    assert [i for i, file in enumerate(exact) if file is not None] == [0, 4, 8, 12, 16]
    assert all(np.array_equal(np.asarray(Image.open(BytesIO(f))).reshape(shape), pixels) for f in exact[::4])


def test_a_folder_without_samples_has_none(tmp_path: Path) -> None:
    assert read_samples(tmp_path) == []


def test_a_damaged_or_foreign_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=FILE):
        read_samples(tmp_path)
    write_parquet({"index": np.arange(3)}, tmp_path / FILE)
    with pytest.raises(ValueError, match=f"{FILE} is not of this version"):
        read_samples(tmp_path)
