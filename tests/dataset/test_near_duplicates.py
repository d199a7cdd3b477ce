import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from multimodal.dataset import near_duplicates as module
from multimodal.dataset.near_duplicates import (
    BITS,
    CORRELATION,
    cached_near_duplicates,
    close_pairs,
    coarse,
    correlations,
    equal_images,
    hashes,
    near_duplicates,
)
from multimodal.images import write_images


def pictures(count: int, channels: int, seed: int, size: int = 40) -> Tensor:
    """(N, C, H, W) uint8 blobs, no two alike."""
    coarse = torch.rand(count, channels, 6, 6, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    return (20 + 200 * smooth).to(torch.uint8)


def brighter(images: Tensor) -> Tensor:
    """A little more light."""
    return (images.int() + 12).clamp(0, 255).to(torch.uint8)


def compressed(images: Tensor) -> Tensor:
    """Once through a JPEG file."""
    made = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.squeeze(0).numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()).save(
            file, "JPEG", quality=75
        )
        pixels = np.atleast_3d(np.asarray(Image.open(file)))
        made.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
    return torch.stack(made)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("copy", [torch.clone, brighter, compressed])
def test_copies_are_found_with_their_row(copy, channels):
    train, test = pictures(60, channels, 0), pictures(30, channels, 1)
    copied = {4: 50, 11: 3, 12: 59, 29: 0}  # test row: training row
    for i, j in copied.items():
        test[i] = copy(train[j : j + 1])[0]
    assert dict(near_duplicates(train, test)) == copied


@pytest.mark.parametrize("channels", [1, 3])
def test_different_pictures_are_none(channels):
    assert near_duplicates(pictures(300, channels, 0), pictures(100, channels, 1)) == []


def ones(count: int, seed: int) -> Tensor:
    """Upright strokes in the middle, no two alike: thick or thin, bright or faint, with notches."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    for i in range(count):
        shade = torch.randint(90, 256, (28, 1), generator=generator)
        half = 1 + int(torch.randint(3, (1,), generator=generator))
        image[i, 0, :, 14 - half : 14 + half] = shade.byte()
    return image


def test_many_ones_of_one_hash_are_not_each_others_copies():
    train, test = ones(200, 0), ones(50, 1)
    shared = np.isin(hashes(test), hashes(train))
    assert shared.mean() > 0.9  # the hash alone would call these equal
    assert near_duplicates(train, test) == []
    test[7], test[30] = train[150], train[2]
    assert near_duplicates(train, test) == [(7, 150), (30, 2)]


def dhash(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) -> 64 booleans: whether a pixel of 9x8 is brighter than its left neighbour (Krawetz 2013)."""
    small = np.asarray(Image.fromarray(image).convert("L").resize((9, 8), Image.Resampling.LANCZOS)).astype(int)
    return (small[:, 1:] > small[:, :-1]).ravel()


def reference(train: Tensor, test: Tensor) -> dict[int, int]:
    """Every pair, one by one."""
    found = {}
    arrays = [[image.permute(1, 2, 0).squeeze(-1).numpy() for image in part] for part in (train, test)]
    bits = [[dhash(image) for image in part] for part in arrays]
    for i, asked in enumerate(arrays[1]):
        best = CORRELATION
        for j, known in enumerate(arrays[0]):
            if (bits[1][i] != bits[0][j]).sum() <= BITS:
                alike = np.corrcoef(asked.ravel().astype(float), known.ravel().astype(float))[0, 1]
                if alike > best:
                    best, found[i] = alike, j
    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pairs_are_those_of_a_search_one_by_one(channels, monkeypatch):
    """Copies with more and more noise and shift: some pass both tests, some either one, some none."""
    monkeypatch.setattr(module, "PAIRS", 7)
    generator = torch.Generator().manual_seed(2)
    base = pictures(8, channels, 0)
    base[:2, :, :, :20], base[:2, :, :, 20:] = 40, 220  # flat: a little noise is another hash, yet no other picture
    train = base.repeat(5, 1, 1, 1).float()  # several that are alike: the most alike one is asked for
    train += torch.linspace(0, 12, 40)[:, None, None, None] * torch.randn(train.shape, generator=generator)
    test = base.repeat(5, 1, 1, 1).float()
    test += torch.linspace(0, 40, 40)[:, None, None, None] * torch.randn(test.shape, generator=generator)
    test[::6] = test[::6].roll(2, dims=-1)
    train, test = (part.clamp(0, 255).to(torch.uint8) for part in (train, test))
    expected = reference(train, test)
    assert 5 < len(expected) < 35
    assert dict(near_duplicates(train, test)) == expected


def test_pictures_of_one_colour_are_equal_or_not():
    shades = torch.tensor([0, 60, 61, 255], dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 12, 12)
    assert near_duplicates(shades, shades[[2, 0]]) == [(0, 2), (1, 0)]
    assert near_duplicates(shades[:2], shades[2:]) == []


def test_a_picture_that_many_training_images_equal_is_named_once():
    train = pictures(4, 1, 0)[[0, 1, 1, 2, 1]]
    assert near_duplicates(train, train[[2]]) == [(0, 1)]


def flipped(value: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """The hashes with up to so many random bits flipped, each as often."""
    for _ in range(most):
        value = value ^ np.where(
            rng.random(len(value)) < 0.7,
            np.uint64(1) << rng.integers(64, size=len(value)).astype(np.uint64),
            np.uint64(0),
        )
    return value


@pytest.mark.parametrize("kind", ["random", "clustered", "few bits", "equal", "none"])
@pytest.mark.parametrize("pairs", [5, 2**18])
def test_close_hashes_are_those_of_a_comparison_of_all(kind, pairs, monkeypatch):
    monkeypatch.setattr(module, "PAIRS", pairs)
    rng = np.random.default_rng(0)
    random = rng.integers(2**64, size=300, dtype=np.uint64)
    left, right = {
        "random": (random[:150], np.concatenate([random[150:], flipped(random[:150], rng, 6)])),
        "clustered": (flipped(random[:5].repeat(40), rng, 7), flipped(random[:5].repeat(30), rng, 7)),
        "few bits": (random[:150] & np.uint64(2**9 - 1), random[150:] & np.uint64(2**9 - 1)),
        "equal": (random[:1].repeat(20), random[:1].repeat(30)),
        "none": (random[:0], random),
    }[kind]
    expected = np.argwhere(np.bitwise_count(left[:, None] ^ right) <= BITS).tolist()
    assert kind == "none" or len(expected) > 20
    found = [pair for i, j in close_pairs(left, right) for pair in zip(i.tolist(), j.tolist(), strict=True)]
    assert sorted(map(list, found)) == expected


def by_all_pairs(train: Tensor, test: Tensor) -> list[tuple[int, int]]:
    """Each test image against every training image."""
    pairs = []
    known = hashes(train)
    for i, hashed in enumerate(hashes(test)):
        rows = np.flatnonzero(np.bitwise_count(hashed ^ known) <= BITS)
        correlation = correlations(test, np.full(len(rows), i), train, rows)
        if len(rows) and correlation.max() >= CORRELATION:
            pairs.append((i, int(rows[correlation.argmax()])))
    return pairs


@pytest.mark.parametrize("pairs", [3, 2**18])
def test_strokes_that_share_hashes_and_repeat_give_the_pairs_of_a_comparison_of_all(pairs, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PAIRS", pairs)
    rng = np.random.default_rng(0)
    drawn = torch.cat([ones(40, 0), torch.full((2, 1, 28, 28), 7, dtype=torch.uint8)])
    train, test = drawn[rng.integers(42, size=90)], drawn[rng.integers(42, size=50)]
    noise = torch.from_numpy(rng.integers(0, 40, size=test.shape)) * torch.from_numpy(rng.random((50, 1, 1, 1)) < 0.7)
    test = (test.int() + noise - 20 * (noise > 0)).clamp(0, 255).byte()
    expected = by_all_pairs(train, test)
    assert 15 < len(expected) < 50
    assert near_duplicates(train, test) == expected
    stored = [write_images([part], (1, 28, 28), tmp_path) for part in (train, test)]
    assert near_duplicates(*stored) == expected


@pytest.mark.parametrize("shape", [(3, 40, 40), (1, 28, 28), (1, 5, 9)])
def test_coarse_pictures_are_no_further_apart_than_the_pictures(shape):
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(30, shape[0], 4, 4, generator=generator), shape[1:], mode="bicubic"
    )
    images = (255 * smooth.clamp(0, 1)).byte()
    i, j = np.triu_indices(30, 1)
    small = coarse(images)
    bound = 1 - ((small[i] - small[j]) ** 2).sum(1) / 2
    correlation = correlations(images, i, images, j)
    assert (bound >= correlation - 1e-5).all()
    assert (bound - correlation).mean() < 0.1  # and tell most of it: these are smooth


def test_equal_images_of_a_file_are_those_of_memory(tmp_path):
    images = pictures(4, 3, 0)[[2, 0, 2, 3, 0, 1]]
    stored = write_images([images], tuple(images.shape[1:]), tmp_path)
    assert equal_images(stored).tolist() == equal_images(images).tolist() == [0, 1, 0, 2, 1, 3]


def test_what_was_found_is_kept_until_the_images_change(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "nearest", lambda *sketches: calls.append(sketches) or [(0, 1)])
    image = {split: pictures(6, 1, seed) for seed, split in enumerate(("train", "validation", "test"))}
    for _ in range(2):
        found = cached_near_duplicates(image)
        assert found["test_in_train"] == [{"test": 0, "train": 1}]
        assert found.keys() == {"test_in_train", "validation_in_train", "test_in_validation"}
        assert len(calls) == 3
    cached_near_duplicates(image | {"test": image["test"].flip(0)})
    assert len(calls) == 6
