"""Images in a file are those that were written, in the order asked for, and are never copied as a whole."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from multimodal import images as module
from multimodal.images import Images, in_parts, new_images, write_images

PIXELS = torch.randint(0, 256, (7, 3, 4, 5), generator=torch.Generator().manual_seed(0)).byte()


def stored(folder, pixels: torch.Tensor = PIXELS) -> Images:
    """The pixels in a file, written in parts."""
    return write_images(pixels.split(3), tuple(pixels.shape[1:]), folder)


@pytest.mark.parametrize(
    "rows",
    [
        2,
        -1,
        slice(None),
        slice(1, 6, 2),
        slice(0, 0),
        torch.tensor([3, 0, 3]),
        torch.tensor(4),
        torch.arange(0),
        np.array([6, 1]),
        [5, 5],
        torch.tensor([True, False, True, False, False, False, True]),
    ],
    ids=str,
)
def test_rows_are_those_of_the_tensor(tmp_path, rows):
    read = stored(tmp_path)[rows]
    assert read.dtype == torch.uint8
    assert torch.equal(read, PIXELS[rows])
    read[...] = 0  # its own memory: the file stays as it is
    assert torch.equal(stored(tmp_path)[rows], PIXELS[rows])


def test_a_row_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(IndexError):
        stored(tmp_path)[7]
    assert len(list(stored(tmp_path))) == 7  # so that a loop ends


def test_what_is_taken_is_no_copy(tmp_path):
    images = stored(tmp_path)
    taken = images.take(np.array([5, 2, 2])).take(np.array([2, 0]))
    assert (len(taken), taken.shape) == (2, (2, 3, 4, 5))
    assert torch.equal(taken[:], PIXELS[[2, 5]])
    assert taken.file is images.file


def test_another_process_gets_the_path_and_not_the_pixels(tmp_path):
    many = torch.randint(0, 256, (700, 3, 4, 5), generator=torch.Generator().manual_seed(1)).byte()
    images = stored(tmp_path, many)
    content = pickle.dumps({"train": images, "test": images.take(np.array([1]))})
    assert len(content) < 12 * len(images) < images.file.path.stat().st_size / 2
    read = pickle.loads(content)
    assert torch.equal(read["train"][:], many)
    assert read["test"].file is read["train"].file  # mapped once


def test_equal_images_are_stored_once_and_equal_contents_in_one_file(tmp_path):
    images = stored(tmp_path, PIXELS[[0, 1, 0, 2, 1]])
    assert images.start.tolist() == [0, 60, 0, 120, 60]
    assert images.file.path.stat().st_size == 180
    stored(tmp_path, PIXELS[[0, 1, 2]])
    assert len(list(tmp_path.iterdir())) == 1
    stored(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_cut_short_is_written_again(tmp_path):
    path = stored(tmp_path).file.path
    path.write_bytes(path.read_bytes()[:-1])
    assert torch.equal(stored(tmp_path)[:], PIXELS)


def test_nothing_is_left_of_images_that_could_not_be_made(tmp_path):
    def parts():
        yield PIXELS
        raise FloatingPointError("no more")

    with pytest.raises(FloatingPointError, match="no more"):
        write_images(parts(), (3, 4, 5), tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_images_are_images(tmp_path):
    images = stored(tmp_path, PIXELS[:0])
    assert images[:].shape == images.shape == (0, 3, 4, 5)
    assert len(pickle.loads(pickle.dumps(images))) == 0


def test_other_images_have_another_key(tmp_path):
    images = stored(tmp_path)
    keys = {stored(tmp_path, pixels).key() for pixels in (PIXELS, PIXELS[:6], PIXELS.flip(0), PIXELS.transpose(2, 3))}
    assert len(keys) == 4
    assert images.key() == stored(tmp_path / "elsewhere").key() in keys


@pytest.mark.parametrize("kept", [stored, lambda folder: PIXELS], ids=["file", "memory"])
def test_parts_are_all_images_in_order_and_new_ones_are_kept_as_the_old_are(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(module, "PART", 150)  # two images and a half
    image = kept(tmp_path)
    assert [len(part) for part in in_parts(image)] == [2, 2, 2, 1]
    assert torch.equal(torch.cat(list(in_parts(image))), PIXELS)
    made = new_images((255 - part for part in in_parts(image)), image)
    assert type(made) is type(image)
    assert torch.equal(made[:], 255 - PIXELS)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what is held is read from /proc")
def test_a_walk_through_all_images_does_not_hold_them(tmp_path):
    pixels = torch.arange(600, dtype=torch.int32).view(-1, 1, 1, 1).expand(-1, 1, 128, 128).contiguous()
    images = stored(tmp_path, pixels.view(torch.uint8))  # 40 MB
    before = held()
    for _ in in_parts(images):
        assert held() < before + 15
    images[:].sum()
    assert held() > before + 30


def held() -> float:
    """The pages of files that this process holds, in MB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile")]
    return float(line.split()[1]) / 1024
