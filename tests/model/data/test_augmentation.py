"""Laws of augmentation: mirrored landmarks, streams left out, and a batch that several processes share."""

import torch

from mavfer.model.data.augmentation import MIRRORED, augment, drop_modalities


def clips(n: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "color": torch.randn(n, 4, 3, 8, 8, generator=generator).clamp(-1, 1),
        "thermal": torch.randn(n, 4, 1, 8, 8, generator=generator),
        "landmarks": torch.rand(n, 4, 68, 2, generator=generator),
    }


def test_the_mirror_image_of_the_mirrored_landmarks_is_the_face_itself() -> None:
    assert sorted(MIRRORED) == list(range(68))
    assert [MIRRORED[MIRRORED[k]] for k in range(68)] == list(range(68))


def test_landmarks_are_flipped_with_the_pixels() -> None:
    inputs = clips(12)
    found = augment(inputs, torch.Generator().manual_seed(1))
    flipped = [not torch.equal(found["thermal"][k], inputs["thermal"][k]) for k in range(12)]
    assert 0 < sum(flipped) < 12
    for k, is_flipped in enumerate(flipped):
        wanted = inputs["landmarks"][k]
        if is_flipped:
            wanted = torch.stack([1 - wanted[..., 0], wanted[..., 1]], -1)[:, list(MIRRORED)]
        assert torch.equal(found["landmarks"][k], wanted)


def test_a_clip_looks_the_same_whichever_process_has_it() -> None:
    inputs = clips(6)
    whole = augment(inputs, torch.Generator().manual_seed(3))
    whole = drop_modalities(whole, share=0.5, generator=torch.Generator().manual_seed(4))
    for part in (slice(0, 3), slice(3, 6)):
        mine = {name: x[part] for name, x in inputs.items()}
        found = augment(mine, torch.Generator().manual_seed(3), part=part, of=6)
        found = drop_modalities(found, share=0.5, generator=torch.Generator().manual_seed(4), part=part, of=6)
        assert all(torch.equal(found[name], whole[name][part]) for name in inputs)


def test_every_stream_but_the_first_is_left_out_of_its_share_of_the_clips() -> None:
    found = drop_modalities(clips(400), share=0.25, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found["color"], clips(400)["color"])
    blank = (found["thermal"] == 0).all(-1).all(-1).all(-1).all(-1)
    assert 60 <= int(blank.sum()) <= 140


def test_feature_sets_stay_as_they_are() -> None:
    features = {"a": torch.randn(3, 16, 5)}
    assert augment(features, torch.Generator())["a"] is features["a"]
