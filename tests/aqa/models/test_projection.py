import numpy as np
import torch

from aqa.data.videos import Videos
from aqa.models import ClipModelConfig
from aqa.models.clips.likeness import Likeness, phase_hats
from aqa.models.clips.projection import ClipProjection, motion

CPU = torch.device("cpu")


def test_motion_by_hand():
    clips = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    # Lag 1: differences 1, 2, 4; at the ends the only one there is.
    assert motion(clips, (1,)).flatten().tolist() == [1.0, 1.5, 3.0, 4.0]
    # Lag 2: differences 3, 6.
    assert motion(clips, (2,)).flatten().tolist() == [3.0, 4.5, 4.5, 6.0]
    assert motion(clips, (1, 2)).flatten().tolist() == [2.0, 3.0, 3.75, 5.0]
    # Lags that a short video has not are left out; one clip does not move.
    assert torch.equal(motion(clips[:2], (1, 2, 9)), motion(clips[:2], (1,)))
    assert motion(clips[:1], (1, 2)).tolist() == [[0.0]]


def test_a_still_video_is_seen_without_motion_and_finite():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(clips, 6)).astype(np.float32) for clips in (3, 9, 12)]
    projection = ClipProjection(ClipModelConfig(), 6)
    projection.fit(Videos(videos, [0.1, 0.2, 0.3], CPU))
    for clips in (1, 5):
        inputs = projection(torch.ones(clips, 6))
        assert inputs.shape == (clips, projection.width) == (clips, 12)
        assert bool(torch.isfinite(inputs).all())
        assert torch.equal(inputs, inputs[:1].expand(clips, -1))


def test_waves_stand_for_the_likeness_of_clips():
    torch.manual_seed(0)
    clips = torch.randn(200, 60)
    likeness = Likeness(60, 4096)
    likeness.draw(clips, 1.5)
    waves = likeness(clips)
    distances = torch.cdist(clips, clips).square()
    usual = distances[~torch.eye(200, dtype=torch.bool)].median()
    assert waves.shape == (200, 8192)
    exact = torch.exp(-1.5 * distances / usual)
    torch.testing.assert_close(waves @ waves.T, exact, atol=0.06, rtol=0)
    again = Likeness(60, 4096)
    again.load_state_dict(likeness.state_dict())
    assert torch.equal(again.frequencies, likeness.frequencies)


def test_phase_hats_by_hand():
    hats = phase_hats(5, (1, 3))  # middles of the clips: 0.1, 0.3, 0.5, 0.7, 0.9
    assert hats.shape == (5, 4)
    assert hats[:, 0].tolist() == [1.0] * 5
    torch.testing.assert_close(hats[:, 1], torch.tensor([0.8, 0.4, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(hats[:, 1:].sum(1), torch.ones(5))
