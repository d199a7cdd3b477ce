"""The image judge: learns, is learned once, and leaves the run's random numbers alone."""

import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.judge.image import ImageJudge, averaged, blurred, judge_cnn

STILL = Augment(0, 0, 0.0, False)
SETTINGS = {"steps": 120, "batch_size": 16, "learning_rate": 0.003}


def blocks(size: int, seed: int, channels: int = 1) -> Split:
    """A tall, a wide or a square block on noise; the label is another number than the class shown."""
    content = torch.arange(size) % 3
    image = torch.randint(60, (size, channels, 28, 28), generator=torch.Generator().manual_seed(seed))
    for i, c in enumerate(content.tolist()):
        height, width = ((20, 5), (5, 20), (12, 12))[c]
        image[i, :, 4 : 4 + height, 4 : 4 + width] = 220
    tokens = torch.full((size, 2), 2, dtype=torch.int32)
    return Split(image.to(torch.uint8), tokens, (content + 1) % 3, content)


def pixels(split: Split) -> torch.Tensor:
    return split.image.float() / 255


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Holds the judge of `blocks(60, seed=0)`."""
    folder = tmp_path_factory.mktemp("judges")
    ImageJudge(**SETTINGS, cache=str(folder)).fit(blocks(60, seed=0), 3, STILL)
    return folder


def never(*_) -> None:
    raise AssertionError("trained again")


def test_learns_what_an_image_shows(cache) -> None:
    test = blocks(30, seed=1)
    judge = ImageJudge(**SETTINGS, cache=str(cache)).fit(blocks(60, seed=0), 3, STILL)
    assert (judge.classify(pixels(test)) == test.content).float().mean() > 0.9


def test_is_read_from_its_cache_the_second_time(tmp_path, monkeypatch) -> None:
    train, test, settings = blocks(60, seed=0), blocks(30, seed=1), SETTINGS | {"steps": 3}
    fresh = ImageJudge(**settings, cache=str(tmp_path)).fit(train, 3, STILL)
    monkeypatch.setattr(ImageJudge, "learn", never)
    kept = ImageJudge(**settings, cache=str(tmp_path)).fit(train, 3, STILL)
    for name, value in fresh.model.state_dict().items():
        assert torch.equal(value, kept.model.state_dict()[name]), name
    assert torch.equal(fresh.classify(pixels(test)), kept.classify(pixels(test)))


@pytest.mark.parametrize("change", [{"data": 1}, {"steps": 121}, {"batch_size": 15}, {"learning_rate": 0.002}], ids=str)
def test_other_data_or_settings_are_learned_anew(cache, monkeypatch, change) -> None:
    monkeypatch.setattr(ImageJudge, "learn", never)
    settings = SETTINGS | {name: value for name, value in change.items() if name != "data"}
    judge = ImageJudge(**settings, cache=str(cache))
    with pytest.raises(AssertionError, match="trained again"):
        judge.fit(blocks(60, seed=change.get("data", 0)), 3, STILL)


@pytest.mark.parametrize("cached", [True, False])
def test_does_not_disturb_the_global_random_state(cache, tmp_path, cached) -> None:
    settings = SETTINGS | {"steps": SETTINGS["steps"] if cached else 2}
    before = torch.get_rng_state()
    ImageJudge(**settings, cache=str(cache if cached else tmp_path)).fit(blocks(60, seed=0), 3, STILL)
    assert torch.equal(before, torch.get_rng_state())


def test_is_one_judge_whatever_the_seed_of_the_run(tmp_path) -> None:
    judges = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        judge = ImageJudge(2, 8, 0.003, str(tmp_path / str(seed))).fit(blocks(12, seed=0), 3, STILL)
        judges.append(judge.model.state_dict())
    assert all(torch.equal(value, judges[1][name]) for name, value in judges[0].items())


def test_an_answer_does_not_depend_on_the_other_images(cache) -> None:
    """No batch statistics, no dropout."""
    judge = ImageJudge(**SETTINGS, cache=str(cache)).fit(blocks(60, seed=0), 3, STILL)
    images = torch.rand(300, 1, 28, 28, generator=torch.Generator().manual_seed(0))  # more than one part
    together = judge.classify(images)
    assert together.shape == (300,)
    assert torch.equal(together[250:260], torch.cat([judge.classify(image[None]) for image in images[250:260]]))


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 64)])
def test_network_takes_any_size(channels, size) -> None:
    assert judge_cnn(channels, 7).eval()(torch.rand(2, channels, size, size)).shape == (2, 7)


def test_soft_images_are_judged_as_well(cache) -> None:
    judge = ImageJudge(**SETTINGS, cache=str(cache)).fit(blocks(60, seed=0), 3, STILL)
    test = blocks(60, seed=1)
    soft = blurred(test.image.float() / 255, 3)
    assert not torch.equal(soft, test.image.float() / 255)
    assert soft.shape == test.image.shape
    assert (judge.classify(soft) == test.content).float().mean() > 0.9


def test_blurring_by_one_changes_nothing() -> None:
    image = torch.rand(2, 3, 28, 28)
    torch.testing.assert_close(blurred(image, 1), image)


def test_an_average_is_one_of_its_own_class() -> None:
    torch.manual_seed(0)
    content = torch.tensor([0, 1, 1, 0, 1])
    image = content.float()[:, None, None, None] * 0.5 + torch.rand(5, 3, 4, 4) * 0.1
    for count in (2, 8):
        mixed = averaged(image, content, count)
        for c in (0, 1):
            part, own = mixed[content == c], image[content == c]
            assert ((part >= own.min(0).values - 1e-6) & (part <= own.max(0).values + 1e-6)).all()
        assert not torch.allclose(mixed, image)


def test_an_image_without_another_of_its_class_stays() -> None:
    image, content = torch.rand(3, 1, 4, 4), torch.tensor([0, 1, 2])
    torch.testing.assert_close(averaged(image, content, 5), image)


def test_light_and_contrast_do_not_count_and_a_tint_does() -> None:
    seen, image = judge_cnn(3, 4)[0], torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(seen(image), seen(0.1 + 0.4 * image), rtol=1e-3, atol=1e-3)
    tinted = image * torch.tensor([1.0, 0.5, 0.5]).view(3, 1, 1)
    assert not torch.allclose(seen(image), seen(tinted), atol=0.1)
    assert judge_cnn(3, 4).eval()(torch.full((2, 3, 32, 32), 0.3)).isfinite().all()


def test_half_of_the_batches_are_averages_of_two_to_eight(tmp_path, monkeypatch) -> None:
    counts = []

    def spy(image, content, count):
        counts.append(count)
        return averaged(image, content, count)

    monkeypatch.setattr("multimodal.judge.image.averaged", spy)
    ImageJudge(80, 4, 0.003, str(tmp_path)).fit(blocks(12, seed=0), 3, STILL)
    assert 25 < len(counts) < 55
    assert set(counts) == set(range(2, 9))


def flip(file) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def not_finite(file) -> None:
    """Put a NaN into a judge's weights."""
    weights = torch.load(file, weights_only=True)
    weights["1.weight"][0] = float("nan")
    torch.save(weights, file)


@pytest.mark.parametrize(
    "spoil",
    [
        flip,
        not_finite,
        lambda file: file.write_bytes(file.read_bytes()[:1000]),
        lambda file: file.write_bytes(b""),
        lambda file: torch.save({"1.weight": torch.zeros(2)}, file),
        lambda file: torch.save([1], file),
    ],
)
def test_a_damaged_judge_is_trained_anew_and_replaced(tmp_path, caplog, spoil) -> None:
    train, settings = blocks(12, seed=0), SETTINGS | {"steps": 2}
    fresh = ImageJudge(**settings, cache=str(tmp_path)).fit(train, 3, STILL).model.state_dict()
    (file,) = tmp_path.iterdir()
    spoil(file)
    for times in (1, 1):  # the second time it is whole again
        again = ImageJudge(**settings, cache=str(tmp_path)).fit(train, 3, STILL).model.state_dict()
        assert all(torch.equal(value, again[name]) for name, value in fresh.items())
        assert caplog.text.count(f"the image judge in {file} is trained anew and replaced") == times


def test_a_judge_that_diverges_is_not_kept(tmp_path) -> None:
    judge = ImageJudge(3, 8, 1e30, str(tmp_path))
    with pytest.raises(FloatingPointError, match=r"lower evaluation\.image_judge\.learning_rate, now 1e\+30"):
        judge.fit(blocks(12, seed=0), 3, STILL)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"image_judge\.learning_rate must be a number, above 0, got inf"):
        ImageJudge(3, 8, float("inf"), str(tmp_path))


def test_a_cache_that_cannot_be_written_costs_a_warning(tmp_path, caplog) -> None:
    (tmp_path / "file").write_text("")
    ImageJudge(2, 8, 0.003, str(tmp_path / "file")).fit(blocks(12, seed=0), 3, STILL)
    assert "is not kept for other runs" in caplog.text
