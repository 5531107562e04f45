"""training.precision: products in bfloat16, everything that is kept or compared in float32."""

from types import MappingProxyType

import numpy as np
import pytest
import torch

from aqa import AqaError
from aqa.experiments.evaluation import evaluate
from aqa.models import PublishedModelConfig
from aqa.models.parts.precision import check_precision, products_in
from aqa.models.published.model import PublishedModel
from aqa.training.paper import paper_optimizer, paper_step
from aqa.training.recipes import train

CPU = torch.device("cpu")
RECIPES = pytest.mark.parametrize("recipe", ["honest", "paper"])


def cpu_with(monkeypatch, *instructions):
    capabilities = MappingProxyType({"avx2": True} | dict.fromkeys(instructions, True))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)


def close(found, exact, share):
    """Within ``share`` of the exact tensor's length."""
    exact = exact.detach()
    return float((found.detach().float() - exact).norm()) <= share * float(exact.norm())


@pytest.mark.parametrize("attention_dropout", [0.0, 0.5])
def test_a_published_step_in_bf16_is_close_to_one_in_float32(small_config, attention_dropout):
    model_config = PublishedModelConfig(
        query_count=40, query_std=2.0, heads=2, feedforward=64, head_widths=(32, 16),
        attention_dropout=attention_dropout,
    )  # fmt: skip
    torch.manual_seed(0)
    batch = torch.randn(8, 40, 256), torch.rand(8)
    steps = {}
    for precision in ("float32", "bf16"):
        recipe = small_config("paper", precision=precision).training
        torch.manual_seed(1)
        model = PublishedModel(model_config, 256).train()
        losses = paper_step(model, recipe, paper_optimizer(model, recipe), 1, batch)
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        steps[precision] = losses, gradients
    (exact, wanted), (losses, gradients) = steps["float32"], steps["bf16"]
    for name, loss in losses.items():
        assert loss.dtype == torch.float32 and loss != exact[name]
        assert float(loss) == pytest.approx(float(exact[name]), rel=0.03)
    assert gradients.keys() == wanted.keys()
    assert all(gradient.dtype == torch.float32 for gradient in gradients.values())
    one, other = (torch.cat([g.flatten() for g in of.values()]) for of in (gradients, wanted))
    assert close(one, other, 0.1)


def test_scores_and_weights_leave_the_network_in_float32():
    torch.manual_seed(0)
    model = PublishedModel(PublishedModelConfig(query_count=6, width=16, heads=2), 12).train()
    with products_in("bf16", CPU):
        output = model(torch.randn(3, 6, 12))
    kept = (output.score, output.clip_weights, output.clip_scores, output.decoded)
    assert {values.dtype for values in (*kept, output.attention_loss)} == {torch.float32}
    torch.testing.assert_close(output.clip_weights.sum(1), torch.ones(3))


@RECIPES
def test_a_training_in_bf16_keeps_float32_weights_and_says_what_it_was(
    small_config, small_dataset, recipe, monkeypatch
):
    cpu_with(monkeypatch, "avx512_bf16")
    exact, coarse = (
        train(small_config(recipe, precision=precision), small_dataset)
        for precision in ("float32", "bf16")
    )
    assert coarse.info.config["training"]["precision"] == "bf16"
    states = zip(exact.state_dict().items(), coarse.state_dict().values(), strict=True)
    different = [name for (name, mine), theirs in states if not torch.equal(mine, theirs)]
    assert different  # the products were of another precision,
    assert all(value.dtype != torch.bfloat16 for value in coarse.state_dict().values())
    found, wanted = (evaluate(model, small_dataset.test).predicted for model in (coarse, exact))
    np.testing.assert_allclose(found, wanted, atol=0.5)  # and of 10 points hardly any are lost


@RECIPES
def test_a_cpu_without_bfloat16_products_is_refused(
    small_config, small_dataset, recipe, monkeypatch
):
    cpu_with(monkeypatch)
    with pytest.raises(AqaError, match=r"precision bf16: this CPU has no bfloat16 .* use float32"):
        train(small_config(recipe, precision="bf16"), small_dataset)
    check_precision("float32", CPU)


def test_other_precisions_are_no_choice(small_config):
    with pytest.raises(AqaError, match=r"training.precision: .*'float32' or 'bf16', got 'fp16'"):
        small_config(precision="fp16")
