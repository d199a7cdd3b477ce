"""What a config may name that is not to be run, and the places where it may stand."""

from typing import Any

from tests.helpers.hostile.whole import CANARY, SECRET

COMMAND = {"_target_": "os.system", "command": f"touch {CANARY}"}
PLACES = ["encoder.image", "encoder.text", "missing", "fusion", "head.label", "head.image", "head.text", "caption"]
PLACES += ["loss", "loss.terms.mine", "optimizer", "scheduler", "training", "training.optimizer", "training.scheduler"]
PLACES += ["training.modality_dropout", "dataset", "dataset.embedded", "dataset.grammar", "dataset.augment"]
PLACES += ["dataset.caption", "evaluation", "evaluation.image_judge", "evaluation.measures.mine", "evaluation.figures"]
PLACES += [
    "tracking",
    "mode",
    "sizes",
    "report",
    "hydra",
    "extra.deep.down",
    "dim",
    "dataset.columns.deep",
    "output_dir",
]
PLACES += ["output_dir", "missing.dims.0.deep", "fusion.modalities.0", "fusion._args_", "encoder.audio"]
OURS = "multimodal.fusion.concat.ConcatFusion"
RUN = {"config": {"output_dir": CANARY, "report": {"margin": 0.01}}, "multirun": False}
TARGETS: dict[str, Any] = {
    "subprocess": {"_target_": "subprocess.run", "args": ["touch", CANARY]},
    "exec": {"_target_": "builtins.exec", "_args_": [f"open({CANARY!r}, 'w')"]},
    "eval": {"_target_": "builtins.eval", "_args_": [f"open({CANARY!r}, 'w')"]},
    "open": {"_target_": "builtins.open", "file": CANARY, "mode": "w"},
    "import": {"_target_": "importlib.import_module", "name": CANARY},
    "a foreign module": {"_target_": f"{CANARY}.run"},
    "a foreign module, partial": {"_target_": f"{CANARY}.run", "_partial_": True},
    "a method of pathlib": {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": [CANARY]}},
    "torch.hub": {"_target_": "torch.hub.load", "repo_or_dir": ".", "model": CANARY, "source": "local"},
    "torch.load": {"_target_": "torch.load", "f": "pickle.pt", "weights_only": False},
    "torch.load through our module": {
        "_target_": "multimodal.training.checkpoint_file.torch.load",
        "f": "pickle.pt",
        "weights_only": False,
    },
    "torch.load through a component": {
        "_target_": "multimodal.fusion.concat.torch.load",
        "f": "pickle.pt",
        "weights_only": False,
    },
    "our own writer": {
        "_target_": "multimodal.io.write_text",
        "text": "x",
        "path": {"_target_": "pathlib.Path", "_args_": [CANARY]},
    },
    "pathlib through our module": {"_target_": "multimodal.io.Path", "_args_": [CANARY]},
    "our report": {"_target_": "multimodal.run.report", "_convert_": "none", "composition": RUN, "tracker": None},
    "our training": {"_target_": "multimodal.run.train", "_convert_": "none", "composition": RUN, "tracker": None},
    "our tracker": {"_target_": "multimodal.tracking.wandb.WandbRun", "mode": "online"},
    "our callback": {"_target_": "multimodal.sweep.SweepTable"},
    "our data elsewhere": {"_target_": "multimodal.dataset.preparing.prepare.prepare_data", "path": "."},
    "our encoder elsewhere": {"_target_": "multimodal.encoder.image.resnet.ResNet", "weights": "pickle.pt"},
    "instantiate": {"_target_": "hydra.utils.instantiate", "config": COMMAND, "_recursive_": False},
    "call": {"_target_": "hydra.utils.call", "config": COMMAND},
    "get_method": {"_target_": "hydra.utils.get_method", "path": "os.system"},
    "get_class": {"_target_": "hydra.utils.get_class", "path": f"{CANARY}.Run"},
    "get_object": {"_target_": "hydra.utils.get_object", "path": f"{CANARY}.run"},
    "a getter by position": {"_target_": "hydra.utils.get_method", "_args_": [f"{CANARY}.run"]},
    "a getter of a getter": {"_target_": "hydra.utils.get_method", "path": "hydra.utils.get_method"},
    "functools": {"_target_": "functools.partial", "_args_": [COMMAND]},
    "a space before": {"_target_": " os.system", "command": f"touch {CANARY}"},
    "a space behind ours": {"_target_": f"{OURS} "},
    "a newline behind ours": {"_target_": f"{OURS}\n"},
    "other case": {"_target_": OURS.replace("C", "c")},
    "relative": {"_target_": f".{CANARY}.run"},
    "two dots": {"_target_": OURS.replace(".Concat", "..Concat")},
    "a method of ours": {"_target_": f"{OURS}.__init__.__globals__"},
    "a module of ours": {"_target_": OURS.rpartition(".")[0]},
    "a class that ours lacks": {"_target_": "multimodal.fusion.concat.Nothing"},
    "other letters": {"_target_": OURS.replace("o", "о")},  # Cyrillic
    "empty": {"_target_": ""},
    "list": {"_target_": ["os.system"]},
    "mapping": {"_target_": {"_target_": "os.system"}},
    "number": {"_target_": 5},
    "null": {"_target_": None},
    "true": {"_target_": True},
    "missing": {"_target_": "???"},
    "environment": {"_target_": f"${{oc.env:{SECRET}}}"},
    "interpolation": {"_target_": "${extra}"},
    "not recursive": {"_target_": OURS, "_recursive_": False, "dim": COMMAND},
    "structured": {"_target_": OURS, "_convert_": "object", "dim": COMMAND},
    "partial": {"_target_": OURS, "_partial_": True, "dim": COMMAND},
    "position": {"_target_": OURS, "_args_": [[[COMMAND]]]},
}
