"""Shared by all tests: no network, quiet progress bars, and the config composed as on the command line.

What is slow to import is imported where it is used: the process that hands out the tests waits for this file before it
starts those that run them, and uses nothing of it.
"""

import gc
import os
import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what it puts into the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_SILENT"] = "true"
os.environ.setdefault("OMP_NUM_THREADS", "1")
# after a thread that computed has ended, one in 300 forked processes hangs in MKL's own memory manager
os.environ.setdefault("MKL_DISABLE_FAST_MM", "1")

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from playwright.sync_api import Browser

    from multimodal.types import Batch


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    import datasets

    datasets.disable_progress_bars()


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """Compose equal overrides once, and read each file of conf/ once: that is half of a tiny command's time."""
    from tests.helpers.composition import compose_once

    with pytest.MonkeyPatch.context() as patch:
        compose_once(patch)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Leave out of every collection of garbage the millions of objects that modules and tests consist of.

    Collections took a tenth of all time, also because they came after every 700 objects.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.fixture
def config() -> Callable[..., "DictConfig"]:
    """`config("fusion=concat", ...)`: composed, its sizes those of a tiny dataset."""
    from tests.helpers.toy import composed

    return composed


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Compute on one thread: a forked process has none of its parent's OpenMP threads and would wait for them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium, for tests that are marked with `needs_browser`."""
    from playwright.sync_api import sync_playwright

    from tests.helpers.browser import CHROMIUM

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def autograd_begun() -> None:
    """Let autograd begin before there are fake tensors on a GPU, for which it starts a thread that no fork has."""
    import torch

    torch.ones((), requires_grad=True).backward()


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Handle signals as a terminal's process does: under nohup, which CI may run in, SIGHUP is ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def batch() -> "Batch":
    """Six samples of the tiny dataset: all complete, captions of 1 to 6 words."""
    import torch

    from multimodal.types import BOS, EOS, PAD, Batch

    generator = torch.Generator().manual_seed(0)
    tokens = torch.full((6, 8), PAD)
    for i in range(6):
        words = torch.randint(4, 20, (i + 1,), generator=generator)
        tokens[i, : i + 3] = torch.tensor([BOS, *words.tolist(), EOS])
    label = torch.arange(6) % 3
    present = {"image": torch.ones(6, dtype=torch.bool), "text": torch.ones(6, dtype=torch.bool)}
    image = torch.rand(6, 1, 28, 28, generator=generator)
    return Batch(image, tokens, label, label, present, torch.arange(6))
