"""One job at a time, and a bounded queue before it. Results are files, and the last ones are kept."""

import hashlib
import io
import logging
import shutil
import tempfile
import threading
import time
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .problems import Cancelled, Problem
from .requests import VideoRequest

log = logging.getLogger("vimi_model_server")


@dataclass(eq=False)
class Job:
    request: VideoRequest
    digest: str
    """Of the body that asked for it."""
    id: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")
    status: str = "queued"
    done: int = 0
    error: dict | None = None
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    completed_at: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self):
        return self.status in ("completed", "failed", "cancelled")


class Jobs:
    def __init__(self, *, most_waiting=8, most_kept=32):
        self.most_waiting = most_waiting
        self.most_kept = most_kept
        self.model = None
        self.failure = None
        self._jobs = OrderedDict()
        self._keys = {}
        self._waiting = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._folder = Path(tempfile.mkdtemp(prefix="vimi-model-server-"))
        self._worker = None

    def start(self, load):
        """`load` gives the model; until then nobody is served."""
        self._worker = threading.Thread(target=self._work, args=(load,), name="model", daemon=True)
        self._worker.start()

    def close(self):
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.cancelled.set()
            self._changed.notify_all()
        if self._worker:
            self._worker.join(timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def state(self):
        if self.failure:
            return "SETUP_FAILED"
        if not self.model:
            return "STARTING"
        return "BUSY" if len(self._waiting) >= self.most_waiting else "READY"

    def description(self):
        if self.failure:
            raise Problem("MODEL_UNAVAILABLE", f"the model cannot be loaded: {self.failure}")
        if not self.model:
            raise Problem("MODEL_UNAVAILABLE", "the model is being loaded", retry_after=2)
        return self.model.description

    def known(self, key, body):
        """The job of that key, unless it came to nothing. REQUEST_ID_TAKEN for another body."""
        with self._changed:
            job = self._jobs.get(self._keys.get(key))
            if not job or job.status in ("failed", "cancelled"):
                return None
            if job.digest != hashlib.sha256(body).hexdigest():
                raise Problem("REQUEST_ID_TAKEN", "Idempotency-Key: another request has this key")
            return job

    def check_room(self):
        with self._changed:
            if len(self._waiting) >= self.most_waiting:
                raise Problem("QUEUE_FULL", f"{len(self._waiting)} jobs wait", retry_after=self._patience())

    def submit(self, request, key, body):
        with self._changed:
            known = self._jobs.get(self._keys.get(key))
            if known and known.status not in ("failed", "cancelled"):
                return known
            self.check_room()
            job = Job(request, hashlib.sha256(body).hexdigest())
            self._jobs[job.id] = job
            if key:
                self._keys[key] = job.id
            self._waiting.append(job)
            self._changed.notify_all()
            return job

    def get(self, id):
        job = self._jobs.get(id)
        if not job:
            raise Problem("JOB_NOT_FOUND", "there is no such job: it was deleted, is too old, or the server was restarted")
        return job

    def all(self):
        with self._changed:
            return list(self._jobs.values())

    def cancel(self, id):
        with self._changed:
            job = self.get(id)
            job.cancelled.set()
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, "cancelled")
            return job

    def delete(self, id):
        job = self.cancel(id)
        with self._changed:
            if job.is_over:
                self._forget(job)
        return job

    def frames(self, id):
        return self._finished(id) / "frames.npy"

    def video(self, id):
        """As MP4 (H.264), made when it is first asked for."""
        folder = self._finished(id)
        path = folder / "video.mp4"
        if not path.exists():
            made = folder / f"{uuid.uuid4().hex}.part"
            made.write_bytes(as_mp4(np.load(folder / "frames.npy"), self.get(id).request.fps))
            made.rename(path)
        return path

    def as_json(self, job):
        with self._changed:
            ahead = self._waiting.index(job) if job in self._waiting else None
        percent = 100 if job.status == "completed" else min(99, 100 * job.done // job.request.steps)
        path = f"/v1/videos/{job.id}"
        return {
            "id": job.id,
            "object": "video",
            "status": job.status,
            "progress": percent,
            "model": self.model.description["id"],
            "weights": self.model.description["weights"],
            "seed": job.request.seed,
            "size": f"{job.request.width}x{job.request.height}",
            "seconds": str(round(job.request.frames / job.request.fps, 3)),
            "created_at": int(job.created_at),
            "started_at": job.started_at and int(job.started_at),
            "completed_at": job.completed_at and int(job.completed_at),
            "error": job.error,
            "queue": None if ahead is None else {"ahead": ahead},
            "urls": {"self": path, "content": f"{path}/content", "cancel": f"{path}/cancel"},
        }

    def _finished(self, id):
        job = self.get(id)
        if job.status != "completed":
            raise Problem("VIDEO_NOT_READY", f"the job is {job.status}")
        return self._folder / job.id

    def _patience(self):
        """Seconds until there is room, by what the last jobs took."""
        took = [job.completed_at - job.started_at for job in self._jobs.values() if job.status == "completed"][-8:]
        return max(1, min(300, round(sum(took) / len(took)))) if took else 5

    def _work(self, load):
        try:
            self.model = load()
        except Exception as error:
            log.exception("The model cannot be loaded")
            self.failure = f"{type(error).__name__}: {error}"
            return
        log.info("ready: %s", self.model.description["id"])
        try:
            while job := self._next():
                self._run(job)
        except Exception as error:
            # Nobody would make what waits: /ready says so, and callers go elsewhere.
            log.exception("The model is given up")
            self.failure = f"{type(error).__name__}: {error}"

    def _next(self):
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            job = self._waiting.popleft()
            job.status, job.started_at = "in_progress", time.time()
            return job

    def _run(self, job):
        def on_step(done):
            job.done = done

        try:
            frames = self.model.generate(job.request, on_step=on_step, is_cancelled=job.cancelled.is_set)
            folder = self._folder / job.id
            folder.mkdir()
            np.save(folder / "frames.npy", frames, allow_pickle=False)
            self._end(job, "completed")
        except Cancelled:
            self._end(job, "cancelled")
        except Exception as error:
            # The text may hold more than a caller should read: the log has it.
            log.exception("%s failed", job.id)
            is_memory = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
            code = "OUT_OF_MEMORY" if is_memory else "INTERNAL"
            message = "the device has too little memory for this video" if is_memory else type(error).__name__
            self._end(job, "failed", {"code": code, "message": message, "retryable": False})
            if is_memory:
                self.model.free_memory()

    def _end(self, job, status, error=None):
        with self._changed:
            job.error, job.completed_at, job.status = error, time.time(), status
            # Decoded images and clips are the most of it, and nobody reads them any more.
            job.request = replace(job.request, references=())
            over = [one for one in self._jobs.values() if one.is_over]
            for old in over[: max(0, len(over) - self.most_kept)]:
                self._forget(old)

    def _forget(self, job):
        self._jobs.pop(job.id, None)
        self._keys = {key: id for key, id in self._keys.items() if id != job.id}
        shutil.rmtree(self._folder / job.id, ignore_errors=True)


def as_mp4(frames, fps):
    """H.264 as browsers play it: for people. What is computed with is frames.npy."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.options = {"crf": "14"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return made.getvalue()
