"""A packed row has the hidden states of its sequences alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.policy.packed import Packed, check_packing, lay_out, packed_hidden

SIZES = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


def model(family: str, **more: Any) -> Any:
    import transformers

    config = getattr(transformers, f"{family}Config")(**SIZES, **more)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{family}ForCausalLM")(config).eval()


@pytest.fixture(scope="module", params=["Llama", "Qwen2", "Qwen3", "window"])
def decoder(request: pytest.FixtureRequest) -> Any:
    if request.param == "window":
        return model("Mistral", sliding_window=5)
    return model(request.param)


def parts(bundles: list[tuple[int, list[int]]]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Each sequence alone, and the row that holds them all."""
    generator = torch.Generator().manual_seed(1)
    alone, row = [], []
    for prompt_length, lengths in bundles:
        prompt = torch.randint(0, 50, (prompt_length,), generator=generator)
        row.append(prompt)
        for length in lengths:
            response = torch.randint(0, 50, (length,), generator=generator)
            row.append(response)
            alone.append(torch.cat([prompt, response]))
    return alone, torch.cat(row).unsqueeze(0)


BUNDLES = st.lists(
    st.tuples(st.integers(1, 9), st.lists(st.integers(1, 7), min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(bundles=BUNDLES)
def test_a_packed_sequence_is_as_if_alone(
    decoder: Any, bundles: list[tuple[int, list[int]]]
) -> None:
    alone, row = parts(bundles)
    layout = lay_out(bundles)
    with torch.no_grad():
        hidden = packed_hidden(decoder, Packed(ids_1N=row, layout=layout))[layout.before_K]
        expected = [
            decoder.base_model(input_ids=ids.unsqueeze(0)).last_hidden_state[0] for ids in alone
        ]
    shapes = [(prompt, length) for prompt, lengths in bundles for length in lengths]
    wanted = [
        states[prompt - 1 : prompt - 1 + length]
        for states, (prompt, length) in zip(expected, shapes, strict=True)
    ]
    torch.testing.assert_close(hidden, torch.cat(wanted), atol=1e-5, rtol=1e-5)


def test_gradients_of_a_packed_row_are_the_sum_of_those_alone() -> None:
    decoder, bundles = model("Qwen2"), [(4, [3, 5, 3]), (6, [2])]
    alone, row = parts(bundles)
    layout = lay_out(bundles)

    def gradients(value: torch.Tensor) -> list[torch.Tensor]:
        decoder.zero_grad()
        value.backward()
        return [p.grad.clone() for p in decoder.base_model.parameters()]

    hidden = packed_hidden(decoder, Packed(ids_1N=row, layout=layout))[layout.before_K]
    packed = gradients(hidden.sin().sum())
    shapes = [(prompt, length) for prompt, lengths in bundles for length in lengths]
    single = gradients(
        sum(
            decoder.base_model(input_ids=ids.unsqueeze(0))
            .last_hidden_state[0, prompt - 1 : prompt - 1 + length]
            .sin()
            .sum()
            for ids, (prompt, length) in zip(alone, shapes, strict=True)
        )
    )
    for ours, theirs in zip(packed, single, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_positions_restart_and_continue_after_the_prompt() -> None:
    layout = lay_out([(3, [2, 2]), (1, [3])])
    assert layout.position_1N.tolist() == [[0, 1, 2, 3, 4, 3, 4, 0, 1, 2, 3]]
    assert layout.before_K.tolist() == [2, 3, 2, 5, 7, 8, 9]


def test_a_model_that_packing_does_not_disturb_is_accepted(decoder: Any) -> None:
    check_packing(decoder)


def test_a_model_whose_layers_mix_along_the_row_is_refused() -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50, n_embd=32, n_layer=1, n_head=4, n_positions=64, embd_pdrop=0.0
    )
    decoder = transformers.GPT2LMHeadModel(config)

    class Leaky(torch.nn.Module):
        """Adds the state of the token before, whichever sequence it belongs to."""

        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return self.inner(states) + states.roll(1, dims=1).cumsum(dim=1)

    decoder.transformer.ln_f = Leaky(decoder.transformer.ln_f)
    with pytest.raises(UserError, match="expected a decoder whose packed log-probabilities"):
        check_packing(decoder)


def test_an_empty_prompt_is_a_bad_argument() -> None:
    with pytest.raises(ValueError, match="1 token or more"):
        lay_out([(0, [2])])
