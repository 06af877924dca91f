# bm25s as the reference of `npm run bench:retrieval`: reads a job as JSON from standard input, and writes what it did to standard output.
# Rankings are positions in the corpus, best first. Tokens of a text with characters that this Python does not know are null.
import json
import sys
import time
import unicodedata

import bm25s
import Stemmer

job = json.load(sys.stdin)
stemmer = Stemmer.Stemmer("english")


def tokens(texts):
    return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False)


def known(text):
    return all(unicodedata.category(character) != "Cn" for character in text)


began = time.perf_counter()
corpus = tokens(job["corpus"])
index = bm25s.BM25(method="lucene", k1=job["k1"], b=job["b"])
index.index(corpus, show_progress=False)
indexed = time.perf_counter()

queries = tokens(job["queries"])
depth = min(job["depth"], len(corpus))
rankings = []
for query in queries:
    found, scores = index.retrieve([query], k=depth, show_progress=False)
    rankings.append([int(at) for at, score in zip(found[0], scores[0]) if score > 0])
search_ms = []
for text in job["queries"]:
    start = time.perf_counter()
    index.retrieve(tokens([text]), k=min(10, len(corpus)), show_progress=False)
    search_ms.append((time.perf_counter() - start) * 1000)

extra = tokens(job["extra"])
json.dump(
    {
        "version": bm25s.__version__,
        "unicode": unicodedata.unidata_version,
        "rankings": rankings,
        "indexMs": (indexed - began) * 1000,
        "searchMs": search_ms,
        "tokens": corpus + queries,
        "extra": [found if known(text) else None for text, found in zip(job["extra"], extra)],
    },
    sys.stdout,
)
