"""Which files are footage, by the ends of their names (in lower case); the rate of images."""

from __future__ import annotations

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
FRAME_RATE = 25.0  # frames/s of a folder of images, where nobody says another
# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".insv", ".mkv", ".webm", ".avi",
    ".divx", ".mpg", ".mpeg", ".m1v", ".m2v", ".mpv", ".vob", ".mod", ".tod", ".ts", ".mts",
    ".m2ts", ".m2t", ".tp", ".trp", ".wmv", ".asf", ".flv", ".ogv", ".ogm", ".mxf", ".gif", ".y4m",
    ".dv", ".rm", ".rmvb", ".nut", ".ivf", ".wtv", ".h264", ".264", ".avc", ".h265", ".265",
    ".hevc", ".mjpg", ".mjpeg",
})
# fmt: on
# They name other files, and are none themselves.
PLAYLIST_SUFFIXES = frozenset({".m3u8", ".m3u", ".mpd", ".xspf", ".pls", ".asx"})
