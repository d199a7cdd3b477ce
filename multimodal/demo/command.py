"""mode=demo: find the runs of a folder, serve the page on this machine, and end with Ctrl-C."""

import importlib.util
import logging
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from multimodal.api import TrainedRun, load
from multimodal.checks import MOST_BEAMS, check_whole
from multimodal.comparison.reading import run_files
from multimodal.errors import describe, one_line
from multimodal.paths import expanded
from multimodal.runs.checkpoint import given
from multimodal.runs.composition import Composition
from multimodal.tracking.tracker import Tracker

log = logging.getLogger(__name__)

MAY_SET = ("mode", "output_dir", "trust", "cache_dir", "tracking", "hydra")


def demo(composition: Composition, tracker: Tracker, host: str, port: int | None, width: int, classes: int) -> Path:
    """Serve a page on which the finished runs of `output_dir`, by default `runs`, are tried; return that folder.

    Args:
        composition: of the command.
        tracker: not used.
        host: address that the page is served at.
        port: of it; None for the first free one from 7860 on.
        width: width of the beam search.
        classes: number of most probable classes that are shown.

    Raises:
        ValueError: a setting is wrong, gradio is not installed, or there is no finished run.
    """
    if composition.multirun:
        raise ValueError("mode=demo shows a folder of runs as it is: give it without -m")
    refused = [name for name in given(composition.overrides) if re.split("[./]", name)[0] not in MAY_SET]
    if refused:
        raise ValueError(
            f"mode=demo takes the models from the runs in output_dir: {', '.join(refused)} cannot be set; "
            f"these can: {', '.join(MAY_SET)}"
        )
    check_whole("mode", classes=classes)
    check_whole("mode", most=MOST_BEAMS, width=width)
    check_address(host, port)
    check_installed()
    folder = expanded(composition.config.output_dir or "runs")
    runs = find_runs(folder, composition.config.trust or ())
    with served(runs, host, port, width, classes) as address:
        print(f"{address} shows {len(runs)} run{'s' if len(runs) > 1 else ''} of {folder}; Ctrl-C ends it", flush=True)
        threading.Event().wait()
    return folder


def check_installed() -> None:
    """Raise ValueError if what serves the page is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise ValueError("mode=demo needs gradio: pip install 'multimodal-suite[demo]'")


def check_address(host: str, port: int | None) -> None:
    """Raise ValueError unless this machine can serve a page there."""
    if port is not None:
        check_whole("mode", most=2**16 - 1, port=port)
    try:
        socket.create_server((host, port or 0)).close()
    except OSError as error:
        reason = one_line(error.strerror or str(error)).partition(" (while")[0]  # which names host and port again
        place = f"mode.host={host}" if port is None else f"mode.host={host} mode.port={port}"
        raise ValueError(
            f"{place}: cannot serve there ({reason}); give an address of this machine, "
            "such as 127.0.0.1, and a free port, or mode.port=null"
        ) from error


def find_runs(folder: Path, trust: str | Sequence[str]) -> dict[str, TrainedRun]:
    """Return the finished runs of a folder that have a checkpoint, newest first: {path from the folder: run}.

    One whose metrics or record are damaged is left out, with a warning; a damaged checkpoint is answered in the page.

    Args:
        folder: a run, holds runs, or holds folders of runs.
        trust: packages whose code a checkpoint's config may name.

    Raises:
        ValueError: there is none.
    """
    runs = {}
    for place in (file.parent for file in run_files(folder, "metrics.json")):
        if not (place / "best.pt").is_file():  # an evaluation
            continue
        try:
            run = load(place, trust=trust)
        except (ValueError, OSError) as error:
            log.warning("%s is left out: %s", one_line(str(place)), describe(error))
            continue
        runs[place.name if place == folder else place.relative_to(folder).as_posix()] = run
    if not runs:
        raise ValueError(
            f"output_dir: there is no finished run with a best.pt in {folder}; give a run's folder or one that holds "
            "runs; without mode=demo the command trains one"
        )
    return runs


@contextmanager
def served(runs: dict[str, TrainedRun], host: str, port: int | None, beam_width: int, classes: int) -> Iterator[str]:
    """Serve the page while the block runs, and yield its address.

    Args:
        runs: {name: run}.
        host: address that the page is served at.
        port: of it; None for the first free one.
        beam_width: hypotheses that the beam search keeps.
        classes: number of most probable classes that are shown.
    """
    with on_this_machine(host):
        from multimodal.demo.page import CSS, THEME, build_page

        page = build_page(runs, beam_width, classes)
        page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            inbrowser=False,
            share=False,
            ssr_mode=False,
            run_history=False,
            footer_links=[],
            theme=THEME,
            css=CSS,
        )
        assert page.local_url is not None
        try:
            yield page.local_url
        finally:
            page.close(verbose=False)


@contextmanager
def on_this_machine(host: str) -> Iterator[None]:
    """Let gradio send nothing to others while the block runs, and keep its files in a folder that is deleted.

    It asks its own server whether it answers, which must not go through a proxy.
    """
    before = dict(os.environ)
    around_proxy = [before.get("no_proxy") or before.get("NO_PROXY"), host, "localhost"]
    with TemporaryDirectory(prefix="multimodal-demo-") as folder:
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["GRADIO_TEMP_DIR"] = folder
        os.environ["no_proxy"] = ",".join(filter(None, around_proxy))
        try:
            yield
        finally:
            for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR", "no_proxy"):
                os.environ.pop(name)
            os.environ.update(before)
