"""Images become the right pixels, whatever they are stored as; what is no image is named; and decoding is done once."""

import multiprocessing
import struct
import warnings
import zlib

import datasets
import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from PIL import Image

from multimodal.dataset.reading import images
from multimodal.dataset.reading.decoding import decode_one
from multimodal.dataset.reading.images import decode_images
from multimodal.dataset.reading.rows import Rows
from tests.helpers.datasets import encoded, prepared, samples, square


def drawing(mode: str, size: int) -> Image.Image:
    """A smooth colourful image."""
    y, x = np.mgrid[:size, :size] / size
    colours = np.stack([np.sin(3 * x) ** 2, y, (x + y) / 2], axis=-1)
    return Image.fromarray((255 * colours).astype(np.uint8)).convert(mode)


def decoded(content: bytes, size: int, channels: int) -> torch.Tensor:
    """(C, H, W) as the package decodes it."""
    pixels, problems = read([content], size, channels)
    assert problems == [None]
    return pixels[0].float()


def rows_of(images: Dataset) -> Rows:
    """Rows of one split with these images."""
    count = len(images)
    return Rows("train", np.arange(count), images, np.zeros(count, np.int64), [""] * count)


def read(contents: list[bytes | None], size: int, channels: int) -> tuple[torch.Tensor, list[str | None]]:
    """Pixels and problems of one split that holds these files."""
    images = [content if content is None else {"bytes": content, "path": None} for content in contents]
    rows = Dataset.from_dict({"image": images}).cast_column("image", datasets.Image(decode=False))
    images, problems = decode_images({"train": rows_of(rows)}, size, channels)["train"]
    return images[:], problems


def resized(image: Image.Image, size: int, channels: int) -> torch.Tensor:
    """(C, H, W): the pixels themselves, grey by the luma of ITU-R 601, resized by torch."""
    pixels = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1).float()
    if channels == 1:
        pixels = torch.einsum("chw,c->hw", pixels, torch.tensor([0.299, 0.587, 0.114]))[None]
    return torch.nn.functional.interpolate(pixels[None], (size, size), mode="bilinear", antialias=True)[0]


@pytest.mark.parametrize("size", [24, 12, 40], ids=["as-is", "smaller", "larger"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "RGB"), ("PNG", "P"), ("JPEG", "L"), ("JPEG", "RGB")])
def test_images_decode_to_their_pixels_at_the_size_asked_for(form, mode, channels, size):
    image = drawing(mode, 24)
    difference = (decoded(encoded(image, form), size, channels) - resized(image, size, channels)).abs()
    assert difference.mean() <= (0.6 if form == "PNG" else 3)  # levels of 256; JPEG loses some itself
    if form == "PNG":
        assert difference.max() <= 2


def test_a_wide_image_becomes_square():
    image = drawing("RGB", 24).crop((0, 0, 24, 10))
    assert (decoded(encoded(image), 8, 3) - resized(image, 8, 3)).abs().max() <= 2


def test_an_image_that_is_a_path_is_read_from_there(tmp_path):
    drawing("RGB", 8).save(tmp_path / "a.png")
    read = decode_one({"bytes": None, "path": str(tmp_path / "a.png")}, 8, 3)
    content = (tmp_path / "a.png").read_bytes()
    assert read == decode_one({"bytes": content, "path": None}, 8, 3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_shows_white(mode, channels):
    """Dark colours of every opacity: the hidden colour of a transparent pixel must not appear."""
    opaque = drawing("RGB", 16).point(lambda value: value // 2).convert(mode[:-1])
    alpha = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (16, 1))  # (H, W), clear on the left
    image = opaque.copy()
    image.putalpha(Image.fromarray(alpha))
    weight = torch.tensor(alpha).float() / 255
    expected = weight * resized(opaque, 16, channels) + (1 - weight) * 255
    assert (decoded(encoded(image), 16, channels) - expected).abs().max() <= 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_a_palette_or_of_a_grey_image_shows_white(channels):
    shades = Image.fromarray(np.repeat([[0, 100], [50, 200]], 8, axis=1).repeat(8, axis=0).astype(np.uint8))
    palette = shades.convert("P")
    for image, hidden in ((shades, 100), (palette, palette.getpixel((15, 0)))):
        shown = decoded(encoded(image, transparency=hidden), 16, channels)
        assert shown[:, ::8, ::8].tolist() == [[[0, 255], [50, 200]]] * channels


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_become_8(channels):
    shades = np.arange(256, dtype=np.uint16).reshape(16, 16)
    shown = decoded(encoded(Image.fromarray(shades * 257)), 16, channels)
    assert (shown == torch.tensor(shades.astype(np.float32))).all()


UPRIGHT = np.kron([[30, 90], [150, 220]], np.ones((8, 8))).astype(np.uint8)
STORED = {  # EXIF 2.3, tag 0x0112: how the upright picture lies in the file
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("form", ["JPEG", "MPO", "WEBP"])  # telephones write MPO and call it .jpg
def test_a_photograph_stands_upright(form):
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(np.ascontiguousarray(stored))
        settings = {"MPO": {"save_all": True, "append_images": [image]}, "WEBP": {"lossless": True}}.get(form, {})
        shown = decoded(encoded(image, form, exif=exif, **settings), 16, 1)
        assert (shown - torch.tensor(UPRIGHT)).abs().max() <= 3, orientation


def claims(width: int, height: int) -> bytes:
    """A PNG whose header says so, with hardly any pixels."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(100)),
        b"IEND": b"",
    }
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def half(form: str) -> bytes:
    """The first half of a file."""
    content = encoded(drawing("RGB", 24), form)
    return content[: len(content) // 2]


PROBLEMS = {
    "none": (None, "image is missing"),
    "nothing": ({"bytes": None, "path": None}, "image is missing"),
    "zero bytes": ({"bytes": b"", "path": None}, "image has zero bytes"),
    "garbage": ({"bytes": b"not an image", "path": None}, "image does not decode"),
    "no file": ({"bytes": None, "path": "/nowhere/a.png"}, "there is no file /nowhere/a.png"),
    "1x1": ({"bytes": encoded(Image.new("L", (1, 1))), "path": None}, "image is too small: 1x1 pixels"),
    "1x100": ({"bytes": encoded(Image.new("L", (1, 100))), "path": None}, "image is too small: 1x100 pixels"),
    "8000x8000": ({"bytes": claims(8000, 8000), "path": None}, "image is too large: 8000x8000 pixels"),
    "20000x20000": ({"bytes": claims(20000, 20000), "path": None}, "image is too large"),
    "half a PNG": ({"bytes": half("PNG"), "path": None}, "image does not decode"),
    "half a JPEG": ({"bytes": half("JPEG"), "path": None}, "image does not decode"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_no_usable_image_is_a_problem_and_black(case, channels):
    image, problem = PROBLEMS[case]
    decoded = decode_one(image, 8, channels)
    assert decoded.problem.startswith(problem)
    assert " at 0x" not in decoded.problem  # the same words in every run: they stand in the data card
    assert decoded.pixels == bytes(channels * 64)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_file_cut_short_is_a_problem_or_lost_nothing_that_is_seen(form):
    content = encoded(drawing("RGB", 12), form)
    whole = decode_one({"bytes": content, "path": None}, 12, 3)
    assert whole.problem is None
    lost = 0
    for length in range(1, len(content)):
        part = decode_one({"bytes": content[:length], "path": None}, 12, 3)
        assert part.problem is not None or part.pixels == whole.pixels, length
        lost += part.problem is not None
    assert lost > 0.8 * len(content)


def encoded_rows(count: int, first: int = 0) -> Dataset:
    """Grey squares, each of a shade of its own up to 256 of them, encoded; no two files are equal."""
    shades = [{"bytes": square((first + i) % 256) + b"%d" % (first + i), "path": None} for i in range(count)]
    return Dataset.from_dict({"image": shades}).cast_column("image", datasets.Image(decode=False))


def shades(rows: Dataset, size: int = 4, channels: int = 1) -> list[int]:
    """What each decodes to, by the first pixel of all that are equal."""
    images, problems = decode_images({"train": rows_of(rows)}, size, channels)["train"]
    pixels = images[:]
    assert images.shape == pixels.shape == (len(rows), channels, size, size)
    assert pixels.dtype == torch.uint8
    assert (pixels == pixels[:, :1, :1, :1]).all()
    assert problems == [None] * len(rows)
    return pixels[:, 0, 0, 0].tolist()


@pytest.fixture
def count(monkeypatch):
    """How many images were decoded since: `count()`."""
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return decode_one(*arguments)

    monkeypatch.setattr(images, "decode_one", counted)

    def since() -> int:
        number = len(calls)
        calls.clear()
        return number

    return since


def test_more_images_than_one_batch_of_arrow_keep_their_order(count):
    rows = encoded_rows(1100)
    for decodings in (1100, 0):
        assert shades(rows) == [i % 256 for i in range(1100)]
        assert count() == decodings


def test_the_second_time_only_what_had_a_problem_is_decoded(count):
    contents = [square(5), b"broken", b"", square(9), None]
    first = read(contents, 4, 3)
    assert count() == 5
    again = read(contents, 4, 3)
    assert count() == 3  # a failure may have a cause that is gone
    assert torch.equal(first[0], again[0])
    assert first[1] == again[1]
    assert [problem is None for problem in again[1]] == [True, False, False, True, False]
    assert again[0][:, 0, 0, 0].tolist() == [5, 0, 0, 9, 0]


def test_other_images_and_other_settings_are_other_pixels(count):
    assert shades(encoded_rows(5)) == [0, 1, 2, 3, 4]
    assert shades(encoded_rows(5, first=7)) == [7, 8, 9, 10, 11]
    assert shades(encoded_rows(5).select([4, 0, 2])) == [4, 0, 2]
    assert shades(encoded_rows(5), size=6) == [0, 1, 2, 3, 4]
    assert shades(encoded_rows(5), channels=3) == [0, 1, 2, 3, 4]
    assert count() == 23
    assert shades(encoded_rows(5)) == [0, 1, 2, 3, 4]  # the same content, though another object
    assert count() == 0


def test_no_images_are_no_pixels():
    pixels, problems = read([], 4, 3)
    assert (pixels.shape, problems) == ((0, 3, 4, 4), [])


def test_a_cache_file_cut_short_is_made_again(cache, count):
    rows = encoded_rows(1010)  # two batches of Arrow: the file may end between them
    expected = shades(rows)
    (file,) = cache.rglob("*.arrow")
    content = file.read_bytes()
    between = content.rindex(b"\xff\xff\xff\xff", 0, len(content) - 8)  # where the last batch starts
    count()
    for length in (0, 100, len(content) // 3, between, len(content) - 100):
        file.write_bytes(content[:length])
        assert shades(rows) == expected, length
        assert count() == 1010, length
        assert shades(rows) == expected
        assert count() == 0
    file.write_bytes(b"something else entirely" * 100)
    assert shades(rows) == expected


def test_a_reader_is_not_disturbed_by_a_file_that_is_made_again(cache):
    rows = encoded_rows(20)
    held, _ = decode_images({"train": rows_of(rows)}, 4, 1)["train"]
    (file,) = cache.rglob("*.arrow")
    broken = file.with_name("broken")
    broken.write_bytes(file.read_bytes()[:50])
    broken.replace(file)  # a file that is read is only ever replaced, never written to
    assert held[:][:, 0, 0, 0].tolist() == shades(rows) == list(range(20))


def meet(rows: Dataset, barrier, answers) -> None:
    """Decodes in a process of its own, and waits at the first image until the other one has come as far."""
    waited = []

    def decode(*arguments):
        if not waited:
            waited.append(barrier.wait(60))
        return decode_one(*arguments)

    images.decode_one = decode
    answers.put(shades(rows))


def test_two_processes_that_decode_the_same_rows_at_once_both_get_them(cache, count):
    rows = encoded_rows(30)
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(2), context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside Arrow's threads, which take it well
        processes = [context.Process(target=meet, args=(rows, barrier, answers)) for _ in range(2)]
        for process in processes:
            process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert answers.get() == answers.get() == shades(rows) == list(range(30))
    assert count() == 0  # what they left is whole
    assert len([file for file in cache.rglob("*") if file.is_file()]) == 1


def saved(folder, splits):
    """A `save_to_disk` folder."""
    splits.save_to_disk(folder)


def parquet(folder, splits):
    """A folder of parquet files."""
    folder.mkdir()
    for name, split in splits.items():
        split.to_parquet(folder / f"{name}.parquet")


@pytest.mark.parametrize("write", [saved, parquet])
def test_the_folder_that_the_data_was_read_from_stays_as_it_was(tmp_path, cache, write):
    write(tmp_path / "data", DatasetDict(train=samples(range(24)), test=samples(range(24, 30))))

    def state() -> dict:
        return {str(file): file.stat().st_mtime_ns for file in (tmp_path / "data").rglob("*")}

    before = state()
    prepared(None, source="path", path=str(tmp_path / "data"))
    assert state() == before
    assert list((cache / "multimodal").glob("*.arrow"))
