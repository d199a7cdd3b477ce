"""The place of a checkpoint: the setting `checkpoint` is a path, or names one elsewhere, as in `wandb:<artifact>`."""

from collections.abc import Callable
from pathlib import Path

from multimodal.paths import expanded
from multimodal.runs.hub_repository import download_weights


def from_wandb(name: str, folder: Path) -> Path:
    """Download the artifact `<entity>/<project>/<model>:<alias>`; see `download_model`."""
    try:
        from multimodal.runs.wandb_api import download_model  # imports wandb
    except ImportError as error:
        raise ValueError(f"checkpoint=wandb:{name} needs wandb: pip install wandb ({error})") from error
    return download_model(name, folder)


def from_hub(name: str, folder: Path) -> Path:
    """Download the weights of the repository `<owner>/<repo>` into the hub's own cache, where its data sets are too."""
    return download_weights(name)


# {what stands before the colon: downloads what stands after it into a folder, and returns a folder or file}
SOURCES: dict[str, Callable[[str, Path], Path]] = {"wandb": from_wandb, "hub": from_hub}


def is_remote(checkpoint: str) -> bool:
    """Return whether a checkpoint lies on a server, so that nothing can be written beside it."""
    return checkpoint.partition(":")[0] in SOURCES


def local_checkpoint(checkpoint: str, cache_dir: str) -> Path:
    """Return the path of a checkpoint, or of a folder that holds one, downloaded into the cache where it is elsewhere.

    Args:
        checkpoint: the setting: a path, `wandb:<entity>/<project>/<model>:<alias>` or `hub:<owner>/<repo>`.
        cache_dir: the setting.

    Raises:
        ValueError: it cannot be downloaded, or is said to lie in a place that is not known.
    """
    prefix, _, name = checkpoint.partition(":")
    if prefix in SOURCES:
        return SOURCES[prefix](name, expanded(cache_dir) / "checkpoints" / prefix)
    path = expanded(checkpoint)
    if prefix.isidentifier() and len(prefix) > 1 and name and not path.exists():  # one letter is a drive of Windows
        known = " nor ".join(f"{source}:" for source in SOURCES)
        raise ValueError(f"checkpoint={checkpoint} is no file that exists, and begins with neither {known}")
    return path
