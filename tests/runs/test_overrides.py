"""Unknown settings are refused before work starts, with the nearest right one."""

import pytest

from multimodal.runs.overrides import check_overrides


@pytest.mark.parametrize(
    ("override", "advice"),
    [
        ("model_type=concat", "it is fusion here"),
        ("+model_type=concat", "it is fusion here"),
        ("++model_type=concat", "it is fusion here"),
        ("training.step=5", "did you mean training.steps?"),
        ("trainig.steps=5", "did you mean training.steps?"),
        ("fusions=concat", "did you mean fusion?"),
        ("num_heads=2", "did you mean fusion.num_heads?"),
        ("training.learning_rate=0.1", "it is optimizer.lr here"),
        ("+fusion.hiden=3", "did you mean fusion.hidden?"),
        ("+training.modality_dropout.audio=0.1", "there is no setting"),
        ("+zzz=3", "--help lists the groups"),
        ("fusion=film fusion.num_heads=3", "there is no setting fusion.num_heads"),
    ],
)
def test_an_unknown_setting_is_refused(override: str, advice: str) -> None:
    with pytest.raises(ValueError, match="there is no setting") as error:
        check_overrides(override.split())
    assert advice in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        "fusion=film,concat fusion.hidden=3",  # a sweep
        "dataset.path=null",
        "+optimizer.betas=[0.9,0.95]",  # an argument that its class has
        "+loss.weights.mine=1",
        "++seed=3",
        "~evaluation.measures.retrieval",
        "hydra.sweeper.n_jobs=2",
        "fusion=atention",  # Hydra lists the options
        "a=[",  # Hydra says where
        "experiment=synergy",
    ],
)
def test_the_rest_is_left_to_hydra(override: str) -> None:
    check_overrides(override.split())
