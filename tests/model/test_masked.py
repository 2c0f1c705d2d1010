import pytest
import torch
from torch import Tensor

from mavfer.model.masked import Mask, MaskedAutoencoder, blanked, draw_mask
from mavfer.model.network import CHANNELS
from mavfer.model.transformer import TransformerOptions, VideoTransformer, tubelets

OPTIONS = TransformerOptions.model_validate(
    {"size_px": 16, "patch_px": 4, "n_values": 16, "n_blocks": 1, "n_heads": 2, "n_frames": 4, "dropout": 0.0}
)


def streams(seed: int = 0) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {name: torch.randn(2, 4, CHANNELS[name], 16, 16, generator=chance) for name in OPTIONS.modalities}


def drawn(share: float = 0.75) -> Mask:
    return draw_mask(2, OPTIONS, share=share, chance=torch.Generator().manual_seed(1))


def new(**more: object) -> MaskedAutoencoder:
    torch.manual_seed(0)
    options = OPTIONS.model_copy(update=more)
    return MaskedAutoencoder(VideoTransformer(options)).eval()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.75, 0.99])
def test_a_mask_parts_all_places_into_seen_and_hidden(share: float) -> None:
    mask = drawn(share)
    both = torch.cat([mask.seen, mask.hidden], dim=1).sort(1).values
    assert torch.equal(both, torch.arange(48).expand(2, -1))
    assert mask.seen.shape[1] >= 1
    assert mask.hidden.shape[1] >= 1
    assert abs(mask.hidden.shape[1] / 48 - share) < 0.05


def test_blanked_streams_keep_what_is_seen_and_nothing_else() -> None:
    mask, x = drawn(), streams()
    found = blanked(x, mask, OPTIONS)
    for number, name in enumerate(OPTIONS.modalities):
        cut, wanted = (tubelets(one[name], px=4, n_frames=2) for one in (found, x))
        for clip in range(2):
            seen = [int(i) - 16 * number for i in mask.seen[clip] if 0 <= int(i) - 16 * number < 16]
            hidden = [i for i in range(16) if i not in seen]
            assert torch.equal(cut[clip, :, seen], wanted[clip, :, seen])
            assert not cut[clip, :, hidden].any()


@pytest.mark.parametrize("stem", ["conv", "linear"])
def test_hidden_pixels_do_not_reach_the_guess(stem: str) -> None:
    model, mask, x = new(stem=stem), drawn(), streams()
    behind = {name: one - blanked({**x, name: one}, mask, OPTIONS)[name] for name, one in x.items()}
    other = {name: x[name] + 5 * behind[name] for name in x}
    first, second = model(x, mask), model(other, mask)
    assert all(torch.equal(first[name], second[name]) for name in x)
    assert model.training_loss(other, mask) > model.training_loss(x, mask)


def test_the_loss_is_that_of_hidden_places_alone() -> None:
    model, mask, x = new(), drawn(), streams()
    cut = {name: tubelets(one, px=4, n_frames=2) for name, one in x.items()}
    errors = model.errors({name: one + 1 for name, one in cut.items()}, x)
    assert torch.allclose(errors, torch.ones(2, 48), atol=1e-5)
    by_hand = model.errors(model(x, mask), x)
    chosen = torch.stack([by_hand[i, mask.hidden[i]] for i in range(2)]).mean()
    assert torch.allclose(model.training_loss(x, mask), chosen)


def test_each_pixels_mean_has_an_error_of_one_in_every_stream() -> None:
    model, x = new(), {name: 3 * one + 7 for name, one in streams().items()}
    model.measure(x)
    means = {n: model.get_buffer(f"mean_{n}").expand(2, 2, -1, -1) for n in x}
    errors = model.errors(means, x)
    assert torch.allclose(errors.unflatten(1, (3, -1)).mean((0, 2)), torch.ones(3), atol=1e-4)


def test_every_weight_of_the_encoders_blocks_and_stems_is_trained() -> None:
    model = new().train()
    model.training_loss(streams(), drawn()).backward()
    untrained = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(name.startswith("encoder.head") for name in untrained), untrained
