"""The hub's real client, end to end, against a small hub on this machine."""

import io
import json
import os
import subprocess
import sys

import datasets
import numpy as np
import pytest
from datasets import ClassLabel, Dataset
from PIL import Image

from tests.helpers.hub import COMMIT, serving
from tests.helpers.toy import CONF

MNIST, ANIMALS = "kishore-s-15/mnist-qwen2.5-2B-captions", "kishore-s-15/animal-faces-captioned"
LABELS = {"class": lambda k: k, "text": lambda k: ("cat", "dog")[k], "number": lambda k: 10 * k + 3}
KINDS = [("PNG", "L", 28), ("PNG", "RGB", 40), ("PNG", "RGBA", 28), ("PNG", "P", 64), ("PNG", "I;16", 28)]
KINDS += [("JPEG", "L", 33), ("JPEG", "RGB", 64)]


def picture(form: str, mode: str, size: int, shade: int) -> bytes:
    """A grey square, encoded; as bright in every mode."""
    pixels = np.full((size, size), shade, np.uint8)
    image = Image.fromarray(pixels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def parquet(label: str, count: int) -> bytes:
    """Samples of every kind of image, no two alike, whose shade is 100 or 200 and a little more by their class."""
    columns = {
        "image": [{"bytes": picture(*KINDS[i % 7], 100 + 100 * (i % 2) + i // 2), "path": None} for i in range(count)],
        "label": [LABELS[label](i % 2) for i in range(count)],
        "caption": [f"a {'bright' if i % 2 else 'dark'} square number {i}" for i in range(count)],
    }
    rows = Dataset.from_dict(columns).cast_column("image", datasets.Image())
    file = io.BytesIO()
    (rows.cast_column("label", ClassLabel(names=["cat", "dog"])) if label == "class" else rows).to_parquet(file)
    return file.getvalue()


CLIENT = """
import json, logging, sys, time, urllib.request
from hydra import compose, initialize_config_dir
from multimodal.runs.build import read_data
logging.basicConfig(format="%(message)s")
endpoint, conf = sys.argv[1:3]
with initialize_config_dir(conf, version_base="1.3"):
    for fault, *overrides in json.loads(sys.argv[3]):
        urllib.request.urlopen(f"{endpoint}/fault/{fault}")
        began = time.perf_counter()
        try:
            data = read_data(compose("config", overrides))
            split = data.splits["train"]
            same = all((image // 50 == 2 + 2 * k).all() for image, k in zip(split.image, split.content.tolist()))
            sizes = {name: len(split) for name, split in data.splits.items()}
            said = {"source": data.source, "revision": data.card["revision"], "classes": data.class_names}
            said |= {"sizes": sizes, "shape": list(split.image.shape[1:]), "same": same}
        except Exception as error:
            said = {"error": str(error)}
        print(json.dumps(said | {"seconds": time.perf_counter() - began}))
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """`client([[fault, *overrides], ...])`: what a new process with an empty or filled cache makes of the hub."""
    home = tmp_path_factory.mktemp("home")
    train, test = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"
    repositories = {
        MNIST: {"README.md": b"# digits", train: parquet("class", 70)},
        ANIMALS: {"README.md": b"# animals", train: parquet("text", 70), test: parquet("text", 14)},
        "someone/numbers": {train: parquet("number", 70)},
        "someone/other": {"README.md": b"# never read whole", train: parquet("class", 70)},
    }
    with serving(repositories) as hub:

        def ask(steps: list[list[str]]) -> tuple[list[dict], list[str], str]:
            """(what was said of each step, data files sent meanwhile, warnings)"""
            hub.asked.clear()
            environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
            environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(home)}
            line = [sys.executable, "-c", CLIENT, hub.url, str(CONF), json.dumps(steps)]
            done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=200)
            assert done.returncode == 0, done.stderr
            sent = [path for verb, path in hub.asked if verb == "GET" and path.endswith(".parquet")]
            return [json.loads(line) for line in done.stdout.splitlines()], sent, done.stderr

        yield ask


@pytest.fixture(scope="module")
def first(client):
    """The first download of everything."""
    steps = [["none", f"dataset={name}", "dataset.source=hub"] for name in ("mnist", "animals")]
    return client([*steps, ["none", "dataset.source=hub", "dataset.hub_id=someone/numbers"]])


def test_the_first_run_downloads_with_progress(first) -> None:
    said, sent, shown = first
    assert len(sent) == 4
    assert "Generating train split" in shown
    for row in said:
        assert (row["source"], row["revision"]) == ("hub", COMMIT)
        assert row["same"], "an image of some kind was decoded to other shades"


def test_test_splits_are_kept_or_made_and_labels_of_any_kind_are_read(first) -> None:
    digits, animals, numbers = first[0]
    assert digits["sizes"] == numbers["sizes"] == {"train": 50, "validation": 6, "test": 14}
    assert animals["sizes"] == {"train": 63, "validation": 7, "test": 14}
    assert [row["classes"] for row in (digits, animals, numbers)] == [["cat", "dog"], ["cat", "dog"], ["3", "13"]]
    assert (digits["shape"], animals["shape"]) == ([1, 28, 28], [3, 64, 64])


def test_the_second_run_reads_the_cache_and_so_does_one_without_a_hub(client, first) -> None:
    said, sent, _ = client([[fault, "dataset.source=hub"] for fault in ("none", "500", "silent")])
    assert sent == []
    for row in said:
        assert row | {"seconds": 0} == first[0][0] | {"seconds": 0}
        assert row["seconds"] < 60  # it does not wait for the silent server


@pytest.mark.slow
def test_a_hub_that_fails_is_an_error_in_time_or_a_loud_fallback(client) -> None:
    broken = [[fault, "dataset.source=hub"] for fault in ("404", "500", "half", "silent")]
    steps = [*broken, ["500", "dataset.source=auto"]]
    said, _, warned = client([[*step, "dataset.hub_id=someone/other"] for step in steps])
    for row in said[:4]:
        assert "someone/other could not be read from the hub" in row["error"]
        assert "dataset.source=embedded" in row["error"]
    assert (said[4]["source"], said[4]["revision"]) == ("embedded", None)
    assert warned.count("using the EMBEDDED set instead") == 1
    assert max(row["seconds"] for row in said[:4]) < 10
