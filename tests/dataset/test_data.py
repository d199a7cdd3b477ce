import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import PAD
from tests.helpers.toy import toy_data

CAPTIONS = ["a", "a wide two", "thin", "a thin seven leaning left", "two"]
VOCABULARY = Vocabulary.of(CAPTIONS)


@pytest.fixture
def split():
    """Five samples, captions of 1 to 5 words."""
    image = torch.randint(0, 256, (5, 3, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    label = torch.tensor([0, 1, 2, 0, 1])
    return Split(image, VOCABULARY.encode(CAPTIONS, 9), label, label.flip(0))


def test_a_batch_holds_the_rows_in_the_order_asked_for(split):
    rows = torch.tensor([3, 0, 3])
    batch = split.batch(rows)
    assert batch.index.tolist() == [3, 0, 3]
    assert torch.equal(batch.label, split.label[rows])
    assert torch.equal(batch.content, split.content[rows])
    assert VOCABULARY.decode(batch.tokens) == [CAPTIONS[i] for i in rows]


def test_pixels_are_the_bytes_over_255(split):
    split.image[0, 0, 0, :2] = torch.tensor([0, 255]).byte()
    batch = split.batch(torch.arange(5))
    assert batch.image.dtype == torch.float32
    torch.testing.assert_close(batch.image, split.image.double().div(255).float(), rtol=0, atol=1e-7)
    assert (batch.image.min(), batch.image.max()) == (0, 1)
    assert split.image.dtype == torch.uint8  # the kept array is not changed
    assert split.image[0, 0, 0, 1] == 255


@pytest.mark.parametrize(("rows", "length"), [([0], 3), ([0, 1], 5), ([3], 7), ([2, 4], 3)])
def test_captions_are_cut_to_the_longest_of_the_batch(split, rows, length):
    batch = split.batch(torch.tensor(rows))
    assert batch.tokens.shape == (len(rows), length)
    assert batch.tokens.dtype == torch.int64
    assert VOCABULARY.decode(batch.tokens) == [CAPTIONS[i] for i in rows]


def test_how_far_the_split_was_padded_does_not_matter(split):
    padded = Split(split.image, torch.nn.functional.pad(split.tokens, (0, 7), value=PAD), split.label, split.content)
    rows = torch.tensor([1, 2])
    assert torch.equal(split.batch(rows).tokens, padded.batch(rows).tokens)


def test_everything_is_present(split):
    batch = split.batch(torch.tensor([1, 2]))
    assert {name: mask.tolist() for name, mask in batch.present.items()} == {
        "image": [True, True],
        "text": [True, True],
    }


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_batches_walk_through_all_samples_once_in_order(split, size):
    batches = list(split.batches(size))
    assert torch.cat([batch.index for batch in batches]).tolist() == [0, 1, 2, 3, 4]
    assert all(len(batch.label) <= size for batch in batches)


def test_facts_are_the_sizes_of_the_training_split(split):
    data = toy_data("toy", "path", {"train": split}, VOCABULARY, ["x", "y", "z"])
    assert data.sizes() == {
        "num_classes": 3,
        "vocab_size": len(VOCABULARY),
        "max_length": 7,  # five words, <bos> and <eos>
        "channels": 3,
        "image_size": 4,
    }
