"""Runs decord in a process of its own, started by file path, because decord can hang for ever
inside native code while holding the interpreter's lock: only killing its process helps.

Standard input: one JSON object {"path", "indices", "import_path"}.  Standard output: a stream of
    b"S" + height, width as two little-endian uint32    once, before the first frame
    b"F" + height * width * 3 bytes                      one frame, RGB
    b"."                                                 alive, passing over frames
    b"E" + UTF-8 text                                    failed; nothing follows

What FFmpeg complains about on standard error counts as failure: decord itself would go on, with a
concealed frame or with the last good one repeated.
"""

import ctypes
import json
import os
import signal
import struct
import sys
import tempfile

_ALIVE_EVERY = 32  # frames
_PR_SET_PDEATHSIG = 1


def main() -> None:
    # The parent may die while this process is stopped: let the kernel end it then.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.load(sys.stdin)
    sys.path[:] = job["import_path"]
    with tempfile.TemporaryFile() as complaints:
        os.dup2(complaints.fileno(), 2)
        try:
            send_frames(job["path"], job["indices"], complaints)
        except Exception as error:
            sys.stdout.buffer.write(b"E" + str(error).encode())
        sys.stdout.buffer.flush()


def send_frames(path: str, indices: list, complaints) -> None:
    import decord

    decord.logging.set_level(decord.logging.ERROR)
    out = sys.stdout.buffer
    reader = decord.VideoReader(path, num_threads=1)
    position = 0
    for index in indices:
        while position <= index:  # its skip_frames and its seeking miss frames in HEVC
            frame = reader.next().asnumpy()
            position += 1
            if position % _ALIVE_EVERY == 0:
                out.write(b".")
                out.flush()
        if frame.ndim != 3 or frame.shape[2] != 3:
            raise RuntimeError(f"decord gave a frame of shape {frame.shape}")
        if os.fstat(complaints.fileno()).st_size:
            complaints.seek(0)
            raise RuntimeError(complaints.read(300).decode(errors="replace"))
        if index == indices[0]:
            out.write(b"S" + struct.pack("<II", *frame.shape[:2]))
        out.write(b"F")
        out.write(frame)
        out.flush()


if __name__ == "__main__":
    main()
