"""The head that draws by rectified flow."""

import pytest
import torch
from torch import Tensor

from multimodal.head.image.flow import SPREAD, Flow, evenly_spread, numbered_noise, resolutions


def head(**changed: object) -> Flow:
    torch.manual_seed(0)
    return Flow(**({"dim": 8, "channels": 1, "image_size": 12, "width": 4, "steps": 3, "solver": "euler"} | changed))


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 64), (3, 20), (1, 4), (1, 12), (3, 96)])
def test_it_draws_every_size_in_range(channels: int, size: int) -> None:
    model = head(channels=channels, image_size=size)
    image = model(torch.randn(2, 8), model.noise(torch.arange(2), 0))
    assert image.shape == (2, channels, size, size)
    assert 0 <= image.min() <= image.max() <= 1


def test_times_are_evenly_spread_also_over_large_numbers() -> None:
    for first in (0, 20_000_000):
        times = evenly_spread(torch.arange(first, first + 100)).sort().values
        assert 0 <= times[0] < 0.02 < 0.98 < times[-1] < 1
        assert times.diff().max() < 0.02  # the largest gap of a hundred points; it is 0.01 if they are equal


def test_even_maps_are_halved_to_sixteen_pixels_at_most() -> None:
    assert [resolutions(size)[0] for size in (28, 32, 64, 96, 128)] == [14, 16, 16, 12, 16]
    assert resolutions(44) == [11]


def of_points(x: Tensor, time: Tensor, image: Tensor) -> Tensor:
    """The true velocity where every z has one image: straight towards it."""
    return (image - x) / (1 - time[:, None, None, None])


@pytest.mark.parametrize("solver", ["euler", "midpoint"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_along_the_true_velocity_to_one_image_it_arrives_there(monkeypatch, solver: str, steps: int) -> None:
    """The paths are straight, so any number of steps is exact."""
    model, image = head(solver=solver, steps=steps), torch.rand(2, 1, 12, 12)
    monkeypatch.setattr(model, "velocity", lambda x, time, z: of_points(x, time, 2 * image - 1))
    drawn = model(torch.randn(2, 8), model.noise(torch.arange(2), 0))
    torch.testing.assert_close(drawn, image, atol=1e-5, rtol=0)


def test_midpoint_steps_are_of_a_higher_order(monkeypatch) -> None:
    """Of images that vary by a Gaussian, the velocity is known, and where noise ends: at the image that is as rare."""
    noise, ends, spread = torch.linspace(-1, 1, 144).view(1, 1, 12, 12), {}, 0.2

    def velocity(x: Tensor, time: Tensor, z: Tensor) -> Tensor:
        t = time[:, None, None, None]
        return (t * spread**2 - (1 - t)) / ((t * spread) ** 2 + (1 - t) ** 2) * x

    for solver, steps in (("euler", 40), ("euler", 80), ("midpoint", 40), ("midpoint", 80)):
        model = head(solver=solver, steps=steps)
        monkeypatch.setattr(model, "velocity", velocity)
        drawn = 2 * model(torch.zeros(1, 8), noise) - 1
        ends[solver, steps] = float((drawn - spread * noise).abs().max())
    assert 1.6 < ends["euler", 40] / ends["euler", 80] < 2.5
    assert ends["midpoint", 40] < ends["euler", 80] / 100


def test_the_loss_is_that_of_the_velocity_on_the_line_from_noise_to_image(monkeypatch) -> None:
    model, image, seen = head().eval(), torch.rand(5, 1, 12, 12), []
    monkeypatch.setattr(model, "velocity", lambda x, time, z: seen.append((x, time)) or torch.zeros_like(x))
    loss = model.losses(torch.randn(5, 8), image, torch.arange(5))["flow"]
    (x, time), noise, target = seen[0], model.noise(torch.arange(5), 0), 2 * image - 1
    assert time.min() >= 0
    assert time.max() < 1
    assert len(set(time.tolist())) == 5
    torch.testing.assert_close(loss, (target - noise).square().mean())
    t = time[:, None, None, None]
    torch.testing.assert_close(x, (1 - t) * noise + t * target)


def test_before_it_learns_it_predicts_what_is_likeliest_of_images_around_the_coarse_one() -> None:
    """Regression of image - noise on x_t, sampled."""
    model = head()
    torch.nn.init.zeros_(model.to_pixels[2].weight)
    torch.nn.init.zeros_(model.to_pixels[2].bias)
    z = torch.randn(1, 8)
    mean = model.enlarge(model.coarse(z)).detach()
    generator = torch.Generator().manual_seed(0)
    image = mean + SPREAD * torch.randn(4000, 1, 12, 12, generator=generator)
    noise = torch.randn(4000, 1, 12, 12, generator=generator)
    for t in (0.0, 0.3, 0.8):
        x = (1 - t) * noise + t * image
        predicted = model.velocity(x, torch.full((4000,), t), z.expand(4000, -1)).detach()
        left, apart = image - noise - predicted, x - t * mean
        assert left.mean() == pytest.approx(0, abs=0.01)
        assert float((left * apart).mean()) == pytest.approx(0, abs=0.01)  # nothing linear is left to be predicted
        known = SPREAD**2 / ((t * SPREAD) ** 2 + (1 - t) ** 2)
        assert float(left.square().mean()) == pytest.approx(known, rel=0.03)


def test_in_evaluation_a_samples_loss_is_the_same_every_time_and_in_every_batch() -> None:
    model, z, image = head().eval(), torch.randn(6, 8), torch.rand(6, 1, 12, 12)
    number = torch.arange(6)
    whole = model.losses(z, image, number)["flow"]
    parts = [model.losses(z[rows], image[rows], number[rows])["flow"] for rows in (slice(0, 3), slice(3, 6))]
    assert torch.equal(whole, model.losses(z, image, number)["flow"])
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    state = torch.get_rng_state()
    model.losses(z, image, number)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.train().losses(z, image, number)["flow"] != model.losses(z, image, number)["flow"]


def test_noise_differs_by_sample_and_draw_and_is_normal() -> None:
    noise = torch.stack([numbered_noise([0, 1, 2], draw, (30, 30)) for draw in (0, 1)]).flatten(0, 1).flatten(1)
    correlation = torch.corrcoef(noise)
    assert (correlation - torch.eye(6)).abs().max() < 0.15
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert noise.std() == pytest.approx(1, abs=0.05)


def test_without_noise_it_begins_with_that_of_sample_zero() -> None:
    model, z = head().eval(), torch.randn(3, 8)
    torch.testing.assert_close(model(z, None), model(z, model.noise(torch.zeros(3, dtype=torch.int64), 0)))


def test_it_learns_two_images_and_not_their_mean() -> None:
    """One z has a white image or a black one: a drawing is either, and the mean of both is grey."""
    model = head(width=8, steps=8, image_size=4)
    z, image = torch.zeros(32, 8), (torch.arange(32) % 2).float()[:, None, None, None].expand(-1, 1, 4, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        model.losses(z, image, torch.arange(32))["flow"].backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        drawn = model(z, model.noise(torch.arange(32), 0)).mean((1, 2, 3))
    assert ((drawn < 0.25) | (drawn > 0.75)).float().mean() > 0.8
    assert 0.2 < drawn.mean() < 0.8


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"image_size": 30}, "multiple of 4"), ({"steps": 0}, r"head\.image\.steps"), ({"solver": "rk4"}, "euler, mid")],
)
def test_bad_settings_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        head(**changed)
