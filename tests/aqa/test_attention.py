import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from aqa.models.parts.dropout import Dropout, drawn
from aqa.models.published.attention import Attention, DropoutAttention

MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()


@torch.no_grad()
@pytest.mark.parametrize("case", ["different", "one memory", "self"])
def test_attention_is_that_of_torch(case):
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4, 0.0), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    torch.nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(theirs.state_dict())
    query, key, value = torch.randn(2, 3, 16), torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    if case == "one memory":
        value = key
    elif case == "self":
        query = key
    expected, _ = theirs(query, key, value, key_padding_mask=~MASK)
    torch.testing.assert_close(ours(query, key, value, MASK), expected)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # fails if the weights were materialised
        torch.testing.assert_close(ours(query, key, value, MASK), expected)


@pytest.mark.parametrize("mask", [None, MASK[:, None, None, :]])
def test_attention_with_dropout_has_the_plain_formula_s_values_and_gradients(mask):
    torch.manual_seed(0)
    tensors = [torch.randn(2, 3, length, 4, requires_grad=True) for length in (6, 5, 5)]
    q, k, v = tensors
    generator = torch.Generator().manual_seed(9)
    drop = 2 * torch.stack([drawn(torch.Size([3, 6, 5]), 0.5, generator) for _ in range(2)])
    logits = q @ k.transpose(-1, -2) / 2
    if mask is not None:
        logits = logits.masked_fill(~mask, float("-inf"))
    expected = (logits.softmax(-1) * drop) @ v
    attended = DropoutAttention.apply(q, k, v, mask, 0.5, 9)
    torch.testing.assert_close(attended, expected)
    wanted = torch.autograd.grad(expected.square().sum(), tensors)
    for one, other in zip(
        torch.autograd.grad(attended.square().sum(), tensors), wanted, strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_training_attention_drops_weights_and_a_scoring_one_does_not():
    torch.manual_seed(0)
    attention, tokens = Attention(16, 4, 0.7), torch.randn(2, 5, 16)
    first, second = (attention(tokens, tokens, tokens, MASK) for _ in range(2))
    assert not torch.equal(first, second)
    attention.eval()
    first, second = (attention(tokens, tokens, tokens, MASK) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7])
def test_dropout_keeps_its_share_and_the_mean(rate):
    torch.manual_seed(0)
    values = torch.ones(333, 1001)
    dropped = Dropout(rate)(values)
    assert float((dropped == 0).float().mean()) == pytest.approx(rate, abs=4e-3)
    assert float(dropped.mean()) == pytest.approx(1, abs=2e-2)
    assert torch.unique(dropped).numel() == 2
    # No element follows from its neighbours: the numbers of one 64-bit draw are independent.
    zero = (dropped == 0).float().flatten() - rate
    for step in (1, 2, 3, 4):
        assert abs(float((zero[:-step] * zero[step:]).mean())) < 3e-3


def test_dropout_repeats_for_a_seed_and_rests_in_eval():
    dropout, values = Dropout(0.3), torch.randn(7, 9)
    torch.manual_seed(3)
    first = dropout(values)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(values))
    assert dropout.eval()(values) is values


@pytest.mark.parametrize("placed", [True, False])
def test_self_attention_over_constant_tokens_has_the_plain_values_and_gradients(placed):
    torch.manual_seed(0)
    attention, norm = Attention(16, 4, 0.0), torch.nn.LayerNorm(16)
    parameters = [*attention.parameters(), *norm.parameters()]
    for parameter in parameters:
        torch.nn.init.normal_(parameter, std=0.3)
    tokens, above = torch.randn(3, 5, 16), torch.randn(3, 5, 16)
    position = torch.randn(5, 16) if placed else None
    normed = norm(tokens)
    asking = normed + position if placed else normed
    expected = attention(asking, asking, normed, None)
    found = attention.over_constant(tokens, norm, position)
    torch.testing.assert_close(found, expected)
    pairs = zip(
        torch.autograd.grad(found, parameters, above),
        torch.autograd.grad(expected, parameters, above),
        strict=True,
    )
    for gradient, wanted in pairs:
        assert float((gradient - wanted).norm()) <= 1e-5 * float(wanted.norm()) + 1e-5
