from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import affine_transform, grey_dilation
from skimage.morphology import skeletonize
from sklearn.datasets import load_digits

from multimodal.dataset.builtin.digit_grammar import VALUES, parse
from multimodal.dataset.builtin.digit_measure import USUAL_SHEAR, aspect, measure, shear, stroke_pixels
from multimodal.dataset.builtin.digits import make_digits, upsample


@pytest.fixture(scope="module")
def digits():
    return make_digits(seed=0, test_fraction=0.2)


@pytest.fixture(scope="module")
def images(digits):
    return np.stack([np.array(image) for image in digits["test"]["image"]])  # (N, 28, 28)


def transformed(image, matrix):
    """Image under a map of output to input coordinates (row, column) that keeps its centre."""
    matrix = np.array(matrix)
    centre = np.array([13.5, 13.5])
    return affine_transform(image, matrix, offset=centre - matrix @ centre, order=1)


def pixels(split):
    return {np.array(image).tobytes() for image in split["image"]}


def test_no_image_is_in_both_splits_or_twice_in_one(digits):
    train, test = pixels(digits["train"]), pixels(digits["test"])
    assert not train & test
    assert (len(train), len(test)) == (1437, 360)


def test_splits_have_the_same_share_of_each_class(digits):
    train, test = (np.bincount(digits[name]["label"], minlength=10) for name in ("train", "test"))
    np.testing.assert_allclose(test / (train + test), 0.2, atol=0.01)


def test_the_seed_alone_decides_split_and_wording(digits):
    again, other = make_digits(seed=0, test_fraction=0.2), make_digits(seed=1, test_fraction=0.2)
    assert digits["test"]["caption"][:] == again["test"]["caption"][:]
    assert pixels(digits["test"]) == pixels(again["test"]) != pixels(other["test"])
    # equal fingerprints let `datasets` find what it computed from this data in an earlier run
    assert all(digits[name]._fingerprint == again[name]._fingerprint for name in ("train", "test"))


def test_images_look_like_mnist(images):
    assert images.dtype == np.uint8
    assert images.shape[1:] == (28, 28)
    margins = np.concatenate([images[:, :3], images[:, -3:]], axis=1)
    assert margins.max() < 128
    assert (images.min(), images.max()) == (0, 255)
    assert 0.15 < (images > 0).mean() < 0.25  # 0.19 on MNIST


def test_captions_name_the_label_and_say_what_is_measured(digits):
    test = digits["test"]
    for image, label, caption in zip(test["image"], test["label"], test["caption"], strict=True):
        digit = test.features["label"].int2str(label)
        assert parse(caption) == {"digit": digit} | measure(np.array(image), digit)


def test_every_word_is_common(digits):
    said = [parse(caption) for caption in digits["train"]["caption"]]
    for name, words in VALUES.items():
        share = Counter(attributes[name] for attributes in said)
        assert all(share[word] > 0.5 * len(said) / len(words) for word in words), (name, share)


def test_shearing_to_the_right_adds_to_the_shear_as_much(images):
    # a row above the centre shows what stood further left: column + 0.2 * (row - 13.5)
    to_right = [transformed(image, [[1, 0], [0.2, 1]]) for image in images]
    gain = [shear(after) - shear(image) for image, after in zip(images, to_right, strict=True)]
    np.testing.assert_allclose(gain, 0.2, atol=0.06)  # ink at the rim is lost


def test_a_mirrored_digit_leans_the_other_way(images):
    np.testing.assert_allclose([shear(image[:, ::-1]) for image in images], [-shear(image) for image in images])


def test_slant_is_read_against_the_usual_shape_of_the_digit():
    source = load_digits()
    for label, digit in enumerate(VALUES["digit"]):
        shears = [shear(upsample(scan)) for scan in source.images[source.target == label]]
        assert np.median(shears) == pytest.approx(USUAL_SHEAR[digit], abs=0.01)


def test_dilated_strokes_are_heavier_for_nearly_all(images):
    heavier = [stroke_pixels(grey_dilation(image, (3, 3))) > stroke_pixels(image) + 1 for image in images]
    assert np.mean(heavier) > 0.98


def test_a_bar_is_as_thick_as_it_is_drawn():
    for thickness in (3, 5):
        bar = np.zeros((28, 28), dtype=np.uint8)
        bar[4:24, 10 : 10 + thickness] = 255
        assert stroke_pixels(bar) == pytest.approx(thickness, rel=0.25)  # the skeleton is shorter than the bar


def test_stretching_the_width_stretches_the_aspect_alone(images):
    wide = [transformed(image, [[1, 0], [0, 1 / 1.3]]) for image in images]
    gain = [aspect(after) / aspect(image) for image, after in zip(images, wide, strict=True)]
    np.testing.assert_allclose(gain, 1.3, rtol=0.1)


@pytest.mark.parametrize(
    ("attribute", "word", "change"),
    [
        ("slant", "right", lambda image: transformed(image, [[1, 0], [0.4, 1]])),
        ("slant", "left", lambda image: transformed(image, [[1, 0], [-0.4, 1]])),
        ("stroke", "thick", lambda image: grey_dilation(image, (3, 3))),
        ("stroke", "thin", lambda image: 255 * skeletonize(image > 127).astype(np.uint8)),
        ("width", "wide", lambda image: transformed(image, [[1, 0], [0, 1 / 1.7]])),
        ("width", "narrow", lambda image: transformed(image, [[1, 0], [0, 1.7]])),
    ],
)
def test_a_strong_change_is_called_by_its_word(digits, images, attribute, word, change):
    names = [VALUES["digit"][label] for label in digits["test"]["label"]]
    said = [measure(change(image), name)[attribute] for image, name in zip(images, names, strict=True)]
    assert said.count(word) > 0.95 * len(said)


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_is_said_of_an_image_without_ink(rows):
    image = np.zeros((28, 28), dtype=np.uint8)
    image[14 : 14 + rows] = 255
    assert measure(image, "three") == {}


def test_what_is_no_grey_image_of_a_digit_is_not_measured(images):
    assert measure(images[0], "cat") == {}
    assert measure(np.stack([images[0]] * 3, axis=-1), "six") == {}
