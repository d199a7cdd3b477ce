"""The place of a checkpoint: the setting `checkpoint` is a path, or names one elsewhere, as in `wandb:<artifact>`."""

from collections.abc import Callable
from pathlib import Path

from multimodal.paths import expanded


def from_wandb(name: str, folder: Path) -> Path:
    """Download the artifact `<entity>/<project>/<model>:<alias>`; see `download_model`."""
    try:
        from multimodal.runs.wandb_api import download_model  # imports wandb
    except ImportError as error:
        raise ValueError(f"checkpoint=wandb:{name} needs wandb: pip install wandb ({error})") from error
    return download_model(name, folder)


# {what stands before the colon: downloads what stands after it into a folder, and returns a folder or file}
SOURCES: dict[str, Callable[[str, Path], Path]] = {"wandb": from_wandb}


def local_checkpoint(checkpoint: str, cache_dir: str) -> Path:
    """Return the path of a checkpoint, or of a folder that holds one, downloaded into the cache where it is elsewhere.

    Args:
        checkpoint: the setting.
        cache_dir: the setting.

    Raises:
        ValueError: it cannot be downloaded.
    """
    prefix, _, name = checkpoint.partition(":")
    if prefix in SOURCES:
        return SOURCES[prefix](name, expanded(cache_dir) / "checkpoints" / prefix)
    return expanded(checkpoint)
