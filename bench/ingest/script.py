"""The script that a data team would write: cut films into scenes, code each anew, and write a WebDataset shard.

    python script.py FOLDER SHARD SIDE

Takes each .mp4 of FOLDER with the .txt beside it: PySceneDetect finds the scenes, PyAV decodes each film once more and codes
its clips of at most 4 s with the settings that vimi uses (x264 medium, CRF 16, one thread), webdataset writes them. Two
processes at a time. It measures nothing of a clip, looks for no duplicates and embeds nothing.
"""

import json
import sys
import tempfile
from multiprocessing import Pool
from pathlib import Path

import av
import webdataset
from scenedetect import ContentDetector, SceneManager, open_video

av.logging.set_level(av.logging.ERROR)
LONGEST = 4.0


def scenes_of(path):
    manager = SceneManager()
    manager.add_detector(ContentDetector())
    video = open_video(str(path), backend="pyav")
    manager.detect_scenes(video)
    found = [(start.seconds, end.seconds) for start, end in manager.get_scene_list(start_in_scene=True)]
    return [
        (at, min(at + LONGEST, end))
        for start, end in found
        for at in [start + n * LONGEST for n in range(max(1, round((end - start) / LONGEST + 0.499)))]
        if end - at > 0.02
    ]


def fitting(width, height, side):
    share = min(1, side / max(width, height))
    return [max(2, round(length * share / 2) * 2) for length in (width, height)]


class Clip:
    def __init__(self, source, side):
        # Moving the index to the front needs a file.
        self.file = tempfile.NamedTemporaryFile(suffix=".mp4")
        self.container = av.open(self.file.name, "w", options={"movflags": "+faststart"})
        self.tick = 1 / source.average_rate
        self.stream = self.container.add_stream("libx264", rate=source.average_rate)
        self.stream.width, self.stream.height = fitting(source.width, source.height, side)
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.thread_count = 1
        self.stream.options = {"preset": "medium", "crf": "16"}
        self.frames = 0

    def add(self, frame):
        small = frame.reformat(self.stream.width, self.stream.height, format="yuv420p", interpolation="AREA")
        small.pts = self.frames
        small.time_base = self.tick
        self.frames += 1
        for packet in self.stream.encode(small):
            self.container.mux(packet)

    def end(self):
        for packet in self.stream.encode():
            self.container.mux(packet)
        self.container.close()
        with self.file:
            return Path(self.file.name).read_bytes()


def clips_of(job):
    path, side = job
    caption = path.with_suffix(".txt").read_text().strip()
    scenes = scenes_of(path)
    samples = []
    with av.open(str(path)) as film:
        source = film.streams.video[0]
        source.thread_count = 1
        clip, at = None, 0
        for frame in film.decode(source):
            while clip and at < len(scenes) - 1 and frame.time >= scenes[at][1] - 1e-6:
                samples.append((at, clip))
                clip, at = None, at + 1
            clip = clip or Clip(source, side)
            clip.add(frame)
        if clip:
            samples.append((at, clip))
    return [
        {
            "__key__": f"{path.stem}-{n}",
            "mp4": clip.end(),
            "txt": caption,
            "json": json.dumps({"start": scenes[n][0], "frames": clip.frames, "uri": str(path)}).encode(),
        }
        for n, clip in samples
    ]


def main(folder, shard, side):
    films = sorted(Path(folder).glob("*.mp4"))
    count = 0
    with Pool(2) as pool, webdataset.TarWriter(shard) as tar:
        for samples in pool.imap(clips_of, [(film, int(side)) for film in films]):
            for sample in samples:
                tar.write(sample)
                count += 1
    print(count, "samples")


if __name__ == "__main__":
    main(*sys.argv[1:])
