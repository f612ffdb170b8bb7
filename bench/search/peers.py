"""The peers of bench/search.mjs: reads one request a line, answers with one line. See there for what is compared."""
import json
import resource
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np

folder, count, dimensions = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


def lines(name):
    return (folder / name).read_text().split("\n")


def matrix(name):
    return np.fromfile(folder / name, dtype=np.float32).reshape(-1, dimensions)


def processor():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def timed(work):
    start, before = time.perf_counter(), processor()
    value = work()
    return {"seconds": time.perf_counter() - start, "processor": processor() - before}, value


def each(queries, search):
    """The processor time of each query in ms, the clock's, and what it found."""
    times, wall, found = [], [], []
    for query in queries:
        start, before = time.perf_counter(), processor()
        found.append(search(query))
        times.append((processor() - before) * 1000)
        wall.append((time.perf_counter() - start) * 1000)
    return {"times": times, "wall": wall, "found": found}


class Tantivy:
    def build(self):
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_text_field("words", tokenizer_name="whitespace")
        schema.add_unsigned_field("n", stored=True)
        self.index = tantivy.Index(schema.build())
        writer = self.index.writer(heap_size=128_000_000, num_threads=1)
        for n, words in enumerate(lines("words.txt")):
            writer.add_document(tantivy.Document(words=words, n=n))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()

    def search(self, words):
        hits = self.searcher.search(self.index.parse_query(words, ["words"]), 10, count=False).hits
        return [self.searcher.doc(address)["n"][0] for _, address in hits]


class TantivyDocuments:
    """With the documents, found by the texts of prompts."""

    def build(self):
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_text_field("caption", tokenizer_name="en_stem")
        schema.add_bytes_field("document", stored=True, indexed=False)
        self.index = tantivy.Index(schema.build())
        writer = self.index.writer(heap_size=128_000_000, num_threads=1)
        for line in lines("documents.jsonl"):
            if line:
                writer.add_document(tantivy.Document(caption=json.loads(line)["caption"], document=line.encode()))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()

    def search(self, text):
        hits = self.searcher.search(self.index.parse_query(text, ["caption"]), 10, count=False).hits
        return [json.loads(bytes(self.searcher.doc(address)["document"][0]))["id"] for _, address in hits]


class Bm25s:
    def build(self):
        import bm25s

        self.index = bm25s.BM25()
        self.index.index([words.split(" ") for words in lines("words.txt")], show_progress=False)

    def search(self, words):
        found, _ = self.index.retrieve([words.split(" ")], k=10, show_progress=False)
        return found[0].tolist()


class Hnsw:
    """Twice, as the corpus has one graph for captions and one for images."""

    def build(self):
        import hnswlib

        self.graphs = []
        for name in ("captions.f32", "images.f32"):
            graph = hnswlib.Index("cosine", dimensions)
            graph.init_index(count, M=16, ef_construction=100, random_seed=100)
            graph.add_items(matrix(name), num_threads=1)
            self.graphs.append(graph)

    def search(self, vector):
        labels, _ = self.graphs[0].knn_query(vector, k=10, num_threads=1)
        return labels[0].tolist()


class HnswDocuments:
    """The first of those graphs, with the documents in SQLite."""

    def build(self):
        self.documents = sqlite3.connect(folder / "documents.sqlite")
        self.documents.execute("CREATE TABLE documents (n INTEGER PRIMARY KEY, document TEXT)")
        rows = enumerate(lines("documents.jsonl"))
        self.documents.executemany("INSERT INTO documents VALUES (?, ?)", rows)
        self.documents.commit()

    def search(self, vector):
        one = "SELECT document FROM documents WHERE n = ?"
        found = [self.documents.execute(one, (label,)).fetchone()[0] for label in peers["hnswlib"].search(vector)]
        return [json.loads(document)["id"] for document in found]


def recall(found):
    """A block of queries at a time: all against a million documents would take a gigabyte."""
    queries, captions = matrix("queries.f32"), matrix("captions.f32")
    hits = []
    for first in range(0, len(queries), 20):
        likeness = queries[first : first + 20] @ captions.T
        tenth = np.partition(likeness, -10, axis=1)[:, -10]
        block = enumerate(found[first : first + 20])
        hits += [(likeness[n, ten] > tenth[n] - 1e-6).sum() / 10 for n, ten in block]
    return float(np.mean(hits))


peers = {"tantivy": Tantivy(), "tantivy documents": TantivyDocuments(), "bm25s": Bm25s(), "hnswlib": Hnsw()}
peers["hnswlib documents"] = HnswDocuments()
for line in sys.stdin:
    request = json.loads(line)
    kind, name = request["do"], request.get("peer")
    if kind == "build":
        before = memory()
        answer, _ = timed(peers[name].build)
        answer["memory"] = memory() - before
    elif kind == "recall":
        answer = {"recall": recall(request["found"])}
    elif name.startswith("hnswlib"):
        peers["hnswlib"].graphs[0].set_ef(request["ef"])
        answer = each(matrix("queries.f32"), peers[name].search)
    else:
        answer = each(lines("texts.txt" if name == "tantivy documents" else "queries.txt"), peers[name].search)
    print(json.dumps(answer), flush=True)
