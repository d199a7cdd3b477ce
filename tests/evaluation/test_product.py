import torch

from multimodal.evaluation.product import product


def test_independent_modalities_give_the_posterior_of_both():
    """A made-up world: p(class), p(image | class), p(text | class)."""
    generator = torch.Generator().manual_seed(0)
    prior = torch.rand(4, generator=generator, dtype=torch.float64).softmax(0)
    image, text = (torch.rand(4, values, generator=generator, dtype=torch.float64).softmax(1) for values in (5, 6))
    joint = prior[:, None, None] * image[:, :, None] * text[:, None, :]  # (class, image, text)
    given_image = (prior[:, None] * image / (prior @ image)).T  # (5, K)
    given_text = (prior[:, None] * text / (prior @ text)).T  # (6, K)
    for i in range(5):
        for t in range(6):
            expected = joint[:, i, t] / joint[:, i, t].sum()
            torch.testing.assert_close(product(given_image[[i]], given_text[[t]], prior)[0], expected)


def test_certainty_wins_and_contradictions_are_no_error():
    prior = torch.tensor([0.5, 0.5, 0.0])
    image = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    text = torch.tensor([[0.4, 0.6, 0.0], [0.0, 1.0, 0.0], [0.2, 0.1, 0.7]])
    combined = product(image, text, prior)
    assert combined.sum(1).tolist() == [1, 1, 1]
    assert combined[0].argmax() == 0
    assert combined[0, 0] == 1
    assert combined[1, :2].tolist() == [0.5, 0.5]
    assert combined[2, 2] == 0  # a class that training does not have
