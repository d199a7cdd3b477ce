"""A dataset of twice the memory that is left is read, trained on and evaluated."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.helpers.toy import ROOT

resource = pytest.importorskip("resource")
HEADROOM = 110  # MB
CLASSES = ("cat", "dog", "owl")


def picture(rng: np.random.Generator) -> dict[str, bytes]:
    """Coarse blocks of random colours."""
    file = io.BytesIO()
    blocks = rng.integers(0, 256, size=(8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(blocks).save(file, "PNG", compress_level=1)
    return {"bytes": file.getvalue()}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_DATA"), reason="this platform cannot limit a process's memory")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="how much memory is held is read from /proc")
def test_a_set_of_twice_the_memory_trains_and_evaluates(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for split, count in (("train", 20000), ("test", 40)):
        rows = {
            "image": [picture(rng) for _ in range(count)],
            "label": [CLASSES[i % 3] for i in range(count)],
            "caption": [f"a {CLASSES[i % 3]} of {i % 7}" for i in range(count)],
        }
        pq.write_table(pa.table(rows), tmp_path / "data" / f"{split}.parquet")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    command = [sys.executable, "-m", "tests.helpers.lowered_limit", str(tmp_path / "data"), str(HEADROOM)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) > 1.8 * HEADROOM
