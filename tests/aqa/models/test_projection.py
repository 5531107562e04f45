import numpy as np
import torch

from aqa.data.videos import Videos
from aqa.models import ClipModelConfig
from aqa.models.clips.kernel import VideoKernel
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


def test_a_still_video_does_not_move_and_its_descriptors_are_finite():
    rng = np.random.default_rng(0)
    videos = [rng.normal(size=(clips, 6)).astype(np.float32) for clips in (3, 9, 12)]
    projection = ClipProjection(ClipModelConfig(), 6)
    projection.fit(Videos(videos, [0.1, 0.2, 0.3], CPU))
    for clips in (1, 5):
        inputs, descriptors = projection(torch.ones(clips, 6))
        assert inputs.shape == (clips, projection.width)
        assert float(descriptors["motion"].abs().sum()) == 0
        for name, width in projection.descriptor_widths.items():
            assert descriptors[name].shape == (width,)
            assert bool(torch.isfinite(descriptors[name]).all())


def test_a_kernel_that_is_hardly_held_back_repeats_what_it_was_taught():
    torch.manual_seed(0)
    descriptors, targets = torch.randn(12, 5), torch.randn(12, 2)
    for one_scale in (True, False):
        kernel = VideoKernel(5, 12, 2, 1e-6, one_scale)
        kernel.fit(descriptors, targets)
        torch.testing.assert_close(kernel(descriptors), targets, rtol=0, atol=1e-2)
        far = kernel(descriptors + 1000)
        torch.testing.assert_close(far, torch.zeros(12, 2), rtol=0, atol=1e-3)
