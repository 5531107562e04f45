import pytest
import torch
import torch.nn.functional as F

from aqa.models.published import products
from aqa.models.published.products import Linear, Projections, projections


@pytest.fixture
def quick(monkeypatch):
    """Any processor with oneDNN does here; how many rows pay is no matter of a test."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    monkeypatch.setattr(products, "_has_quick_products", lambda: True)
    monkeypatch.setattr(products, "_FEWEST_ROWS", 6)


def is_quick(result):
    return "ProjectionsBackward" in type(result.grad_fn).__name__


def inputs(constant_tokens=False):
    torch.manual_seed(0)
    tokens = torch.randn(2, 3, 256, requires_grad=not constant_tokens)
    weight = (torch.randn(768, 256) / 16).requires_grad_()
    return tokens, weight, torch.randn(768, requires_grad=True)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("constant_tokens", [True, False])
def test_quick_products_have_the_plain_values_and_gradients(quick, biased, constant_tokens):
    tokens, weight, bias = inputs(constant_tokens)
    bias = bias if biased else None
    asked = [tensor for tensor in (tokens, weight, bias) if tensor is not None]
    asked = [tensor for tensor in asked if tensor.requires_grad]
    found = projections(tokens, weight, bias, 3)
    assert all(is_quick(part) and part.is_contiguous() for part in found)
    expected = F.linear(tokens, weight, bias)
    torch.testing.assert_close(torch.cat(found, dim=-1), expected, rtol=1e-5, atol=1e-5)
    # One as it is, one as a sum over rows hands it down, one of another order in memory.
    above = [torch.randn(2, 3, 256), torch.randn(256).expand(2, 3, 256)]
    above.append(torch.randn(3, 2, 256).transpose(0, 1))
    gradients = torch.autograd.grad(found, asked, above)
    wanted = torch.autograd.grad(expected, asked, torch.cat(above, dim=-1))
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_one_linear_layer_is_a_part_of_its_own(quick):
    layer, tokens = Linear(256, 512), torch.randn(7, 256)
    found = layer(tokens)
    assert is_quick(found)
    torch.testing.assert_close(
        found, F.linear(tokens, layer.weight, layer.bias), rtol=1e-5, atol=1e-5
    )


def test_what_gains_nothing_goes_the_common_way(quick):
    tokens, weight, bias = inputs()
    assert is_quick(projections(tokens, weight, bias, 3)[0])
    with torch.no_grad():  # scoring
        for part, expected in zip(
            projections(tokens, weight, bias, 3),
            F.linear(tokens, weight, bias).chunk(3, -1),
            strict=True,
        ):
            assert torch.equal(part, expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert projections(tokens, weight, bias, 3)[0].dtype == torch.bfloat16
    few, narrow = tokens[:1], projections(tokens, weight, bias, 6)
    assert not is_quick(projections(few, weight, bias, 3)[0]) and not is_quick(narrow[0])
    assert not is_quick(projections(tokens.double(), weight.double(), bias.double(), 3)[0])


def no_operator(*arguments):
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")


def other_arguments(*arguments):
    raise RuntimeError("mkldnn::_linear_pointwise() expected at most 5 argument(s)")


def other_result(rows, matrix, bias, other=None):
    return rows @ matrix


@pytest.mark.parametrize("operator", [no_operator, other_arguments, other_result])
def test_without_the_operator_everything_goes_the_common_way(monkeypatch, operator):
    capabilities = {"cpu_name": "AMD EPYC", "avx512_f": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(products, "_times_transposed", operator)
    assert not products._has_quick_products.__wrapped__()


@pytest.mark.parametrize(
    "capabilities", [{}, {"cpu_name": "Intel Xeon", "avx512_f": True}, {"cpu_name": "AMD EPYC"}]
)
def test_other_processors_keep_their_library(monkeypatch, capabilities):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert not products._has_quick_products.__wrapped__()


def test_the_operator_is_found_where_it_gained(monkeypatch):
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    capabilities = {"cpu_name": "AMD EPYC", "avx512_f": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert products._has_quick_products.__wrapped__()
    assert Projections.apply(torch.ones(1, 2), torch.eye(2), None, 1)[0].tolist() == [[1, 1]]
