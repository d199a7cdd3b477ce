"""A user's own sample: read as the data's are, what was not understood is said, drawings written."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.inference import likeliest, predict_samples, read_caption, read_image, read_sample, write_png
from multimodal.runs.build import build_model
from multimodal.types import BOS, EOS, UNK
from tests.helpers.toy import SIZES

WORDS = Vocabulary.of(["a thick seven", "a thin one"])


def pixels(file: Path) -> np.ndarray:
    """(H, W, C) uint8."""
    with Image.open(file) as image:
        return np.atleast_3d(np.asarray(image))


def test_a_caption_of_known_words_is_read_as_the_datas_are(caplog) -> None:
    assert torch.equal(read_caption("A thick one", WORDS, 7), WORDS.encode(["a thick one"], 7).long())
    assert not caplog.records


def test_words_the_model_never_saw_are_named_and_read_as_unknown(caplog) -> None:
    tokens = read_caption("a wobbly seven, wobbly", WORDS, 7)
    assert tokens.tolist() == [[BOS, WORDS.numbers["a"], UNK, WORDS.numbers["seven"], UNK, UNK, EOS]]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "'wobbly', ','" in caplog.text


def test_what_is_cut_of_a_long_caption_is_said(caplog) -> None:
    assert read_caption("a thick thick one seven thin", WORDS, 4).shape == (1, 6)
    assert caplog.text.rstrip().endswith("seven thin")


@pytest.mark.parametrize("text", ["", " ", "blorp zing", "blorp zing seven"])
def test_a_caption_without_a_known_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no word that the model learned|text is empty"):
        read_caption(text, WORDS, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_has_the_models_size_and_channels(tmp_path: Path, channels: int) -> None:
    ramp = np.tile(np.linspace(0, 255, 20).astype(np.uint8), (10, 1))  # (H, W), dark on the left
    Image.fromarray(ramp).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", 5, channels)
    assert image.shape == (1, channels, 5, 5)
    expected = torch.tensor(ramp / 255).view(10, 5, 4).mean((0, 2))
    assert (image - expected).abs().max() < 0.06


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere.png", "there is no file"), ("a.png", "does not decode"), (".", "there is no file")]
)
def test_what_is_no_image_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / name, 28, 1)


def test_an_absent_modality_is_answered_as_in_a_batch_that_hides_it(config, batch) -> None:
    """Against the batches that training masks: pixels and words of an absent modality do not matter."""
    torch.manual_seed(0)
    model = build_model(config()).eval()
    words = Vocabulary(["<pad>", "<unk>", "<bos>", "<eos>", *(f"w{i}" for i in range(4, SIZES["vocab_size"]))])
    text = " ".join(words.words_of(batch.tokens)[3])
    hidden = batch.with_present(image=torch.zeros(6, dtype=torch.bool))
    with torch.no_grad():
        expected = model.fuse(model.encode(hidden))
    generated = predict_samples(model, read_sample({"text": text}, model, words, 7, 28, 1), 2)
    torch.testing.assert_close(generated.probability, model.classify(expected).softmax(-1)[3:4].detach())
    torch.testing.assert_close(generated.image, model.heads["image"](expected.z)[3:4].detach())


def test_classes_are_named_best_first_and_no_more_than_there_are() -> None:
    probability = torch.tensor([0.25, 0.0625, 0.6875])
    assert likeliest(probability, ["cat", "dog", "fox"], 2) == "fox 0.688, cat 0.250"
    assert likeliest(probability, ["cat", "dog", "fox"], 9).endswith("dog 0.062")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_drawing_is_written_as_it_is_and_enlarged(tmp_path: Path, channels: int) -> None:
    image = torch.rand(channels, 28, 28, generator=torch.Generator().manual_seed(0))
    files = write_png(image, tmp_path / "new", "drawing", 256)
    small, large = map(pixels, files)
    assert small.shape == (28, 28, channels)
    assert np.abs(small / 255 - image.movedim(0, -1).numpy()).max() <= 0.5 / 255 + 1e-6
    assert large.shape == (280, 280, channels)
    assert (large == small.repeat(10, axis=0).repeat(10, axis=1)).all()


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    black, white = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    first = write_png(black, tmp_path, "drawing", 8)
    first[0].unlink()  # its enlarged view still stands
    again = write_png(white, tmp_path, "drawing", 8)
    assert not set(first) & set(again)
    assert pixels(first[1]).max() == 0


def test_an_image_of_16_bits_is_scaled_by_its_own_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    levels = np.linspace(0, 4095, 64).reshape(8, 8).astype(np.uint16)  # a camera's 12 bits
    Image.fromarray(levels).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", 8, 1)
    torch.testing.assert_close(read[0, 0], torch.linspace(0, 1, 64).view(8, 8), atol=1 / 255, rtol=0)
    assert "0 is read as black, 4095 as white" in caplog.text
