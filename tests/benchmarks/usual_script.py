"""The script that everyone has: OpenCV reads, torchvision prepares and computes. A baseline.

    python usual_script.py OUTPUT VIDEO... [--backbone swin3d_t]

Written for comparison only; the common form of the scripts beside the published models (frames
through PIL, Resize, CenterCrop, ToTensor, Normalize; clips of 32 one after the other).
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.models import video

PREPARE = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def main(output: Path, videos: list[str], backbone: str = "swin3d_t") -> None:
    model = getattr(video, backbone)(weights=None)
    model.head = torch.nn.Identity()
    model.eval()
    output.mkdir(parents=True, exist_ok=True)
    for name in videos:
        capture, frames, features = cv2.VideoCapture(name), [], []
        while True:
            there, frame = capture.read()
            if not there:
                break
            frames.append(PREPARE(Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))))
            if len(frames) == 32:
                with torch.no_grad():
                    features.append(model(torch.stack(frames, 1)[None]).numpy())
                frames = []
        np.save(output / f"{Path(name).stem}.npy", np.concatenate(features))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
