"""Documents simulated from a topic model, as LDA-C files, with held-out ones cut in two.

  train.ldac, observed.ldac, scored.ldac   documents; halves of the held-out ones
  truth.npy [K, V]                         the topics that documents were drawn from
"""
import os

import numpy as np

ALPHA, ETA = 0.1, 0.05


def write_ldac(path, rows):
    """rows: lists of (word, count)."""
    with open(path, "w") as file:
        for row in rows:
            file.write(" ".join([str(len(row)), *(f"{w}:{c}" for w, c in row)]) + "\n")


def read_ldac(path):
    with open(path) as file:
        return [[tuple(map(int, pair.split(":"))) for pair in line.split()[1:]] for line in file]


def counted(tokens):
    words, counts = np.unique(tokens, return_counts=True)
    return list(zip(words.tolist(), counts.tolist()))


def halves(row, rng):
    """Half of the tokens, rounded up, and the others."""
    tokens = np.repeat([w for w, _ in row], [c for _, c in row]).astype(int)
    rng.shuffle(tokens)
    cut = (len(tokens) + 1) // 2
    return counted(tokens[:cut]), counted(tokens[cut:])


def make(folder, n_documents=20_000, n_words=5_000, n_topics=50, length=100, n_held_out=2_000, seed=1):
    marker = os.path.join(folder, "made")
    if os.path.exists(marker):
        return
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(n_words, ETA), n_topics)
    cumulative = np.cumsum(topics, axis=1)

    def documents(n):
        for _ in range(n):
            of_topic = rng.multinomial(length, rng.dirichlet(np.full(n_topics, ALPHA)))
            tokens = [np.searchsorted(cumulative[k], rng.random(of_topic[k])) for k in np.flatnonzero(of_topic)]
            yield counted(np.minimum(np.concatenate(tokens), n_words - 1))

    write_ldac(os.path.join(folder, "train.ldac"), documents(n_documents))
    cut = [halves(row, rng) for row in documents(n_held_out)]
    write_ldac(os.path.join(folder, "observed.ldac"), [a for a, _ in cut])
    write_ldac(os.path.join(folder, "scored.ldac"), [b for _, b in cut])
    np.save(os.path.join(folder, "truth.npy"), topics)
    with open(marker, "w"):
        pass
