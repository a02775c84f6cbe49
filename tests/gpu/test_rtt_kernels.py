"""On a CUDA device: the kernels agree with the CPU, and keep their memory bound."""

import pytest
import torch
from torch import Tensor

from rtt.loss import clipped_loss
from rtt.policy import HeadForm, fused_policy_loss, token_logprobs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
FORMS = [HeadForm(), HeadForm(temperature=0.7, softcap=20.0)]


def problem(device: str, dtype: torch.dtype, *, rows: int = 600) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    hidden = (0.5 * torch.randn(rows, 64, generator=draw)).to(device, dtype).requires_grad_()
    head = (0.2 * torch.randn(5003, 64, generator=draw)).to(device, dtype).requires_grad_()
    return {
        "hidden": hidden, "head": head,
        "target": torch.randint(0, 5003, (rows,), generator=draw).to(device),
        "old": (-8 + torch.randn(rows, generator=draw)).to(device),
        "advantage": torch.randn(rows, generator=draw).to(device),
        "scale": torch.full((rows,), 1 / rows).to(device),
    }  # fmt: skip


def single_pass(given: dict[str, Tensor], form: HeadForm) -> tuple[Tensor, ...]:
    fused = fused_policy_loss(
        given["hidden"], given["head"], given["target"], given["old"], given["advantage"],
        given["scale"], form=form, chunk=128,
    )  # fmt: skip
    return fused


def recompute(given: dict[str, Tensor], form: HeadForm) -> tuple[Tensor, ...]:
    logprob, entropy = token_logprobs(
        given["hidden"], given["head"], given["target"], form=form, chunk=128
    )
    loss = (given["scale"] * clipped_loss(logprob - given["old"], given["advantage"])).sum()
    return loss, logprob.detach(), entropy.detach()


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("kernel", [single_pass, recompute])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)], ids=str
)
def test_a_device_gives_what_the_cpu_gives(kernel, form, dtype, tolerance) -> None:  # type: ignore[no-untyped-def]
    torch.backends.cuda.matmul.allow_tf32 = False
    here, there = problem("cpu", dtype), problem("cuda", dtype)
    ours, theirs = kernel(here, form), kernel(there, form)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other.cpu(), rtol=tolerance, atol=tolerance)
    ours[0].backward()
    theirs[0].backward()
    for name in ("hidden", "head"):
        one, other = here[name].grad, there[name].grad
        assert one is not None
        assert other is not None
        difference = (one.float() - other.cpu().float()).norm() / one.float().norm()
        assert difference < tolerance, (name, difference)


def test_the_peak_is_a_chunk_not_all_logits() -> None:
    rows, hidden, vocabulary, chunk = 4096, 256, 65_536, 256
    states = torch.randn(rows, hidden, device="cuda", requires_grad=True)
    head = torch.randn(vocabulary, hidden, device="cuda", requires_grad=True)
    target = torch.randint(0, vocabulary, (rows,), device="cuda")
    vector = torch.zeros(rows, device="cuda")
    torch.cuda.reset_peak_memory_stats()
    base = torch.cuda.memory_allocated()
    fused_policy_loss(states, head, target, vector - 11, vector + 1, vector + 1 / rows,
                      chunk=chunk).loss.backward()  # fmt: skip
    extra = torch.cuda.max_memory_allocated() - base
    everything = 4 * rows * vocabulary
    assert extra < 4 * head.numel() + 3 * 4 * chunk * vocabulary, (extra, everything)
