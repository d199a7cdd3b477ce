"""Train and evaluate one experiment, or with -m a sweep of them.

python scripts/run.py dataset=animals fusion=concat
python scripts/run.py -m dataset=mnist,animals fusion=attention,concat seed=0,1,2
"""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads of one job do not starve another's

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

import multimodal.run  # noqa: F401  registers the resolvers of conf/
from multimodal.sweep import recorded
from multimodal.tracking.tracker import Tracker


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
@recorded
def main(cfg: DictConfig, tracker: Tracker) -> Path:
    """One job: cfg.mode is a function of multimodal/run.py, which reads as the architecture."""
    return instantiate(cfg.mode)(cfg, tracker)


if __name__ == "__main__":
    main()
