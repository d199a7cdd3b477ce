"""Static embeddings, of a tiny table and of the real one that a wheel ships."""

import importlib.util
from pathlib import Path

import pytest
import torch

from multimodal.encoder.text.static import StaticEmbeddings
from tests.helpers.pretrained import table_file, tokenizer_file

PRESENT = torch.ones(2, dtype=torch.bool)


def build(frozen: bool = True, table: str | None = None, tokenizer: str | None = None, most: int = 8):
    torch.manual_seed(0)
    return StaticEmbeddings(4, table or str(table_file()), tokenizer or str(tokenizer_file()), frozen, 0.0, most).eval()


def test_case_and_punctuation_are_seen_and_a_long_caption_is_cut() -> None:
    rows = build(most=4).tokenize(["A red cat.", "a red cat", "a Red dog sleeps!"])
    assert rows.tolist() == [[3, 5, 7, 9], [4, 5, 7, 0], [4, 6, 8, 11]]  # numbers in WORDS plus one


def test_a_frozen_table_is_in_no_checkpoint_and_a_trained_one_is() -> None:
    assert not [name for name in build(True).state_dict() if "network" in name]
    encoder = build(False).train()
    encoder(encoder.tokenize(["a cat", "a dog"]).long(), PRESENT).pooled.square().sum().backward()
    assert encoder.backbone.network.weight.grad.abs().max() > 1e-5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"table": "nowhere.safetensors"}, r"encoder\.text\.table: there is no file nowhere\.safetensors"),
        ({"tokenizer": "nowhere.json"}, r"encoder\.text\.tokenizer: there is no file nowhere\.json"),
        ({"tokenizer": str(Path(__file__))}, r"test_static\.py is no tokenizer\.json"),
    ],
)
def test_files_that_are_not_there_are_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changed)


def test_files_that_are_not_given_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"encoder/text=static needs encoder\.text\.table=<a file>"):
        StaticEmbeddings(4, None, None, True, 0.0, 8)


def test_a_table_of_another_tokenizer_is_refused(tmp_path) -> None:
    torch.save({"a": torch.ones(3, 2)}, tmp_path / "small.pt")
    with pytest.raises(ValueError, match=r"has 3 rows, fewer than the 20 subwords"):
        build(table=str(tmp_path / "small.pt"))
    torch.save({"a": torch.ones(30, 2), "b": torch.ones(30, 2)}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match="must hold one matrix, it holds 2"):
        build(table=str(tmp_path / "two.pt"))


def test_real_vectors_know_what_is_like_what() -> None:
    """WordLlama's, of 256 values each: a kitten is nearer to a cat than to a car. Its own code is not imported."""
    spec = importlib.util.find_spec("wordllama")
    if spec is None or spec.origin is None:
        pytest.skip("needs wordllama, of the extra dev")
    place = Path(spec.origin).parent
    files = (
        place / "weights" / "l2_supercat_256.safetensors",
        place / "tokenizers" / "l2_supercat_tokenizer_config.json",
    )
    encoder = build(True, *map(str, files), most=64)
    rows = encoder.tokenize(["a kitten asleep", "a sleeping cat", "a fast car"]).long()
    numbers, mask = (rows - 1).clamp(min=0), (rows > 0)[..., None]
    sums = (encoder.backbone(numbers) * mask).sum(1)
    kitten, cat, car = torch.nn.functional.normalize(sums, dim=1)
    assert kitten @ cat > kitten @ car + 0.2
