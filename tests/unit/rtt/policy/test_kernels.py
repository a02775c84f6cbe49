"""The two kernels beside the naive computation: values, gradients, forms of the head, refusals."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rtt.loss import clipped_loss, policy_loss
from rtt.policy import HeadForm, fused_policy_loss, fused_token_loss, token_logprobs

ROWS, HIDDEN, VOCABULARY = 7, 5, 11


class Problem:
    """Random hidden states, head, targets and what a loss needs."""

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.hidden_NH = torch.randn(ROWS, HIDDEN, generator=draw).to(dtype).requires_grad_()
        self.weight_VH = torch.randn(VOCABULARY, HIDDEN, generator=draw).to(dtype).requires_grad_()
        self.bias_V = torch.randn(VOCABULARY, generator=draw).to(dtype).requires_grad_()
        self.target_N = torch.randint(0, VOCABULARY, (ROWS,), generator=draw)
        self.old_N = -2 + 0.3 * torch.randn(ROWS, generator=draw)
        self.advantage_N = torch.randn(ROWS, generator=draw)
        self.scale_N = torch.rand(ROWS, generator=draw)
        self.head = torch.nn.Linear(HIDDEN, VOCABULARY)
        self.head.weight = torch.nn.Parameter(self.weight_VH.detach().clone())
        self.head.bias = torch.nn.Parameter(self.bias_V.detach().clone())

    def naive(self, form: HeadForm, *, with_bias: bool = False) -> tuple[Tensor, Tensor]:
        raw_NV = self.hidden_NH @ self.weight_VH.T + (self.bias_V if with_bias else 0)
        logits_NV = raw_NV * form.scale
        if form.softcap is not None:
            logits_NV = form.softcap * (logits_NV / form.softcap).tanh()
        logprob_NV = (logits_NV / form.temperature).float().log_softmax(dim=-1)
        entropy_N = -(logprob_NV.exp() * logprob_NV).sum(dim=-1)
        return logprob_NV.gather(1, self.target_N[:, None])[:, 0], entropy_N

    def gradients(self, loss: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(loss, [self.hidden_NH, self.weight_VH]))


FORMS = [
    HeadForm(),
    HeadForm(temperature=0.7),
    HeadForm(scale=0.25, softcap=3.0, temperature=1.3),
]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("chunk", [1, 3, ROWS, 100, None])
def test_logprobs_and_entropies_equal_the_naive_ones_with_gradients(
    form: HeadForm, chunk: int | None
) -> None:
    problem = Problem()
    logprob_N, entropy_N = token_logprobs(
        problem.hidden_NH, problem.weight_VH, problem.target_N, chunk=chunk, form=form
    )
    expected_logprob_N, expected_entropy_N = problem.naive(form)
    torch.testing.assert_close(logprob_N, expected_logprob_N)
    torch.testing.assert_close(entropy_N, expected_entropy_N)
    mix_N = problem.advantage_N
    ours = problem.gradients((mix_N * logprob_N).sum() + 0.3 * (entropy_N * mix_N.abs()).sum())
    naive = problem.gradients(
        (mix_N * expected_logprob_N).sum() + 0.3 * (expected_entropy_N * mix_N.abs()).sum()
    )
    for one, other in zip(ours, naive, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("dual_clip", [None, 1.5])
@pytest.mark.parametrize("chunk", [1, 3, None])
def test_one_sweep_equals_loss_of_the_naive_logprobs_with_gradients(
    form: HeadForm, dual_clip: float | None, chunk: int | None
) -> None:
    problem = Problem(seed=3)
    fused = fused_policy_loss(
        problem.hidden_NH, problem.weight_VH, problem.target_N, problem.old_N,
        problem.advantage_N, problem.scale_N, clip_high=0.27, dual_clip=dual_clip, form=form,
        chunk=chunk,
    )  # fmt: skip
    logprob_N, entropy_N = problem.naive(form)
    expected = (
        problem.scale_N
        * clipped_loss(
            logprob_N - problem.old_N, problem.advantage_N, clip_high=0.27, dual_clip=dual_clip
        )
    ).sum()
    torch.testing.assert_close(fused.loss, expected)
    torch.testing.assert_close(fused.logprob_N, logprob_N.detach())
    torch.testing.assert_close(fused.entropy_N, entropy_N.detach())
    pairs = zip(problem.gradients(2 * fused.loss), problem.gradients(2 * expected), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_gradients_pass_a_numerical_check_in_double_precision() -> None:
    problem = Problem(dtype=torch.float64)
    form = HeadForm(temperature=0.9, softcap=4.0)

    def both(hidden_NH: Tensor, weight_VH: Tensor) -> tuple[Tensor, Tensor]:
        return token_logprobs(hidden_NH, weight_VH, problem.target_N, chunk=3, form=form)

    assert torch.autograd.gradcheck(both, (problem.hidden_NH, problem.weight_VH))


def test_a_bias_gets_its_gradient() -> None:
    problem = Problem()
    head = problem.head
    logprob_N, _ = token_logprobs(problem.hidden_NH, head, problem.target_N, chunk=2)
    logprob_N.sum().backward()
    naive_N, _ = problem.naive(HeadForm(), with_bias=True)
    naive_N.sum().backward()
    torch.testing.assert_close(logprob_N, naive_N)
    torch.testing.assert_close(head.bias.grad, problem.bias_V.grad)
    torch.testing.assert_close(head.weight.grad, problem.weight_VH.grad)


@given(
    chunk=st.integers(1, 9), seed=st.integers(0, 50), temperature=st.floats(0.2, 3.0),
    clip=st.floats(0.0, 0.5),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_chunk_never_matters(chunk: int, seed: int, temperature: float, clip: float) -> None:
    problem, form = Problem(seed), HeadForm(temperature=temperature)

    def loss(size: int | None) -> tuple[Tensor, list[Tensor]]:
        fused = fused_policy_loss(
            problem.hidden_NH, problem.weight_VH, problem.target_N, problem.old_N,
            problem.advantage_N, problem.scale_N, clip_low=clip, clip_high=clip, form=form,
            chunk=size,
        )  # fmt: skip
        return fused.loss.detach(), problem.gradients(fused.loss)

    (one, some), (whole, all_of_them) = loss(chunk), loss(None)
    torch.testing.assert_close(one, whole, rtol=1e-5, atol=1e-6)
    for left, right in zip(some, all_of_them, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_bfloat16_keeps_float32_statistics() -> None:
    problem = Problem(dtype=torch.bfloat16)
    logprob_N, entropy_N = token_logprobs(
        problem.hidden_NH, problem.weight_VH, problem.target_N, chunk=3
    )
    raw_NV = (problem.hidden_NH @ problem.weight_VH.T).float()
    expected_NV = raw_NV.log_softmax(dim=-1)
    assert logprob_N.dtype == entropy_N.dtype == torch.float32
    torch.testing.assert_close(logprob_N, expected_NV.gather(1, problem.target_N[:, None])[:, 0])
    gradient_NH, gradient_VH = problem.gradients(logprob_N.sum())
    assert gradient_NH.dtype == gradient_VH.dtype == torch.bfloat16
    naive = problem.gradients(expected_NV.gather(1, problem.target_N[:, None]).sum())
    torch.testing.assert_close(gradient_VH, naive[1], rtol=0.05, atol=0.05)


def test_a_frozen_head_gets_no_gradient_and_hidden_states_the_same_one() -> None:
    problem = Problem()
    frozen_VH = problem.weight_VH.detach()
    free = fused_token_loss(
        problem.hidden_NH, problem.weight_VH, problem.target_N, lambda logprob, rows: -logprob
    )
    frozen = fused_token_loss(
        problem.hidden_NH, frozen_VH, problem.target_N, lambda logprob, rows: -logprob
    )
    (expected,) = torch.autograd.grad(free.loss, [problem.hidden_NH])
    (got,) = torch.autograd.grad(frozen.loss, [problem.hidden_NH])
    torch.testing.assert_close(got, expected)


def test_without_gradients_wanted_none_are_made() -> None:
    problem = Problem()
    with torch.no_grad():
        fused = fused_token_loss(
            problem.hidden_NH, problem.weight_VH, problem.target_N, lambda logprob, rows: -logprob
        )
    assert not fused.loss.requires_grad
    torch.testing.assert_close(fused.logprob_N, problem.naive(HeadForm())[0].detach())


def test_a_second_backward_pass_is_refused() -> None:
    problem = Problem()
    fused = fused_token_loss(
        problem.hidden_NH, problem.weight_VH, problem.target_N, lambda logprob, rows: -logprob
    )
    fused.loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward pass"):
        fused.loss.backward()


@pytest.mark.parametrize("kernel", [token_logprobs, fused_token_loss])
def test_no_rows_give_zero_gradients(kernel: Callable[..., tuple[Tensor, ...]]) -> None:
    problem = Problem()
    arguments = [problem.hidden_NH[:0], problem.weight_VH, problem.target_N[:0]]
    if kernel is fused_token_loss:
        arguments.append(lambda logprob, rows: -logprob)
    kernel(*arguments)[0].sum().backward()
    assert problem.weight_VH.grad is not None
    assert not problem.weight_VH.grad.any()


def test_a_banned_token_with_logit_minus_infinity_has_no_weight() -> None:
    problem = Problem()
    bias_V = torch.zeros(VOCABULARY)
    banned = next(i for i in range(VOCABULARY) if i not in problem.target_N)
    bias_V[banned] = -torch.inf
    problem.head.bias = torch.nn.Parameter(bias_V)
    logprob_N, entropy_N = token_logprobs(problem.hidden_NH, problem.head, problem.target_N)
    (logprob_N + entropy_N).sum().backward()
    assert logprob_N.isfinite().all()
    assert entropy_N.isfinite().all()
    assert problem.hidden_NH.grad is not None
    assert problem.hidden_NH.grad.isfinite().all()


def test_per_token_advantages_are_read_per_token() -> None:
    """The case in which a public fused loss (Liger 0.8.5) silently returns a wrong value."""
    problem, rows, width = Problem(), 2, 3
    shape = (rows, width)
    row_B = torch.tensor([0.8, -0.4])
    advantage_BT = row_B.unsqueeze(1).expand(shape)
    hidden_NH, target_N = problem.hidden_NH[:6], problem.target_N[:6]
    fused = fused_policy_loss(
        hidden_NH, problem.weight_VH, target_N, problem.old_N[:6],
        advantage_BT.reshape(-1), torch.full((6,), 1 / 6),
    )  # fmt: skip
    logprob_BT = problem.naive(HeadForm())[0][:6].unflatten(0, shape)
    expected = policy_loss(logprob_BT, problem.old_N[:6].unflatten(0, shape), advantage_BT, None)
    torch.testing.assert_close(fused.loss, expected)


@pytest.mark.parametrize("shape", [(2,), (6, 1), (1, 6), (2, 3)])
def test_advantages_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    problem = Problem()
    six = slice(0, 6)
    with pytest.raises(ValueError, match=r"one value a row \[N\]"):
        fused_policy_loss(
            problem.hidden_NH[six], problem.weight_VH, problem.target_N[six], problem.old_N[six],
            torch.ones(shape), problem.scale_N[six],
        )  # fmt: skip


def test_a_token_loss_that_is_reduced_already_is_refused() -> None:
    problem = Problem()
    with pytest.raises(ValueError, match="one value a row"):
        fused_token_loss(
            problem.hidden_NH, problem.weight_VH, problem.target_N,
            lambda logprob, rows: -logprob.mean(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("config", "form"),
    [
        ({"final_logit_softcapping": 30.0}, HeadForm(softcap=30.0)),
        ({"logit_scale": 0.0625}, HeadForm(scale=0.0625)),
        ({"logits_scaling": 8.0}, HeadForm(scale=0.125)),
        ({"lm_head_multiplier": 2.0}, HeadForm(scale=2.0)),
        ({}, HeadForm()),
    ],
)
def test_the_form_is_read_from_a_configuration(config: dict[str, float], form: HeadForm) -> None:
    class Config:
        pass

    given = Config()
    for name, value in config.items():
        setattr(given, name, value)
    assert HeadForm.of(given) == form
