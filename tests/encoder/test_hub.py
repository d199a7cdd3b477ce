"""Without a network the hub's clients do not wait; with one they stay as they are."""

import huggingface_hub
import pytest

from multimodal.encoder import hub


@pytest.mark.parametrize("answering", [True, False])
def test_clients_are_offline_only_where_the_hub_does_not_answer(monkeypatch, answering: bool) -> None:
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "answers", lambda url, timeout: answering)
    with hub.from_cache_without_network():
        assert constants.HF_HUB_OFFLINE is not answering
    assert constants.HF_HUB_OFFLINE is False


def test_a_hub_that_is_switched_off_is_not_asked(monkeypatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "answers", pytest.fail)
    with hub.from_cache_without_network():
        pass
    assert huggingface_hub.constants.HF_HUB_OFFLINE is True
