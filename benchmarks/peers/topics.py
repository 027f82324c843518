"""Topic models beside scikit-learn and gensim: speed of one epoch of online LDA, and document completion on real corpora.

  topics.py speed --velbo PROGRAM --out FOLDER [--rounds 3] [--documents 20000] [--words 5000] [--topics 50]
  topics.py corpora --velbo PROGRAM --out FOLDER --data CORPORA [--seeds 5] [--topics 20] [--passes 10]

All start from the same topics (Gamma(100, 100)), with the same priors (1 / K), batches, steps (10 + t)^-0.7, inner tolerance (1e-3, the
mean change of a document's parameters) and cap (100), and take turns.  Best settings: scikit-learn two jobs, with one thread of BLAS each;
gensim one process in float32, its default, with one thread of BLAS.  Where other programs run on the machine wall clocks say little: the
processor's seconds are there too (of velbo with reading and the last look at the ELBO, less their share).  One scorer for all, in numpy: theta of the observed half by the
textbook's iteration to 1e-4, then the mean over tokens of the other half of log sum_k E theta_k E beta_kv.
`corpora` wants ap.dat, and 20news/train.feat and test.feat, under CORPORA; AP news is cut 4 : 1, anew for each seed.
"""
import argparse
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import topics_data
from scipy.special import psi

HERE = os.path.dirname(os.path.abspath(__file__))
DECAY, OFFSET, TOLERANCE, CAP = 0.7, 10.0, 1e-3, 100


def read_lambda(path):
    """lambda [K, V] and alpha [K] of a model that velbo saved."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        return np.frombuffer(data[begin:end], "<f8").reshape(header[name]["shape"])

    return tensor("statistics").T + json.loads(header["__metadata__"]["model"])["eta"], tensor("alpha")


def score(topics, alpha, observed, scored):
    """Nats a scored token; topics: lambda [K, V]."""
    weights = np.exp(psi(topics) - psi(topics.sum(1))[:, None])
    mean = topics / topics.sum(1)[:, None]
    total, n = 0.0, 0
    for seen, asked in zip(observed, scored):
        if not asked:
            continue
        gamma = np.ones(len(alpha))
        if seen:
            words = np.array([w for w, _ in seen])
            counts = np.array([c for _, c in seen], float)
            b = weights[:, words]
            for _ in range(500):
                theta = np.exp(psi(gamma) - psi(gamma.sum()))
                new = alpha + theta * (b @ (counts / (theta @ b + 1e-300)))
                change = np.abs(new - gamma).mean()
                gamma = new
                if change < 1e-4:
                    break
        else:
            gamma = np.array(alpha, float)
        asked_counts = np.array([c for _, c in asked], float)
        total += asked_counts @ np.log((gamma / gamma.sum()) @ mean[:, [w for w, _ in asked]])
        n += asked_counts.sum()
    return total / n


def fit_velbo(args, train, start, out, batch, passes, threads=2, seed=0):
    saved, summary = out + ".velbo", out + ".json"
    command = [args.velbo, "topics", "fit", "--data", train, "--topics", str(start.shape[0]), "--engine", "svi", "--batch-size",
               str(batch), "--delay", str(OFFSET), "--forgetting", str(DECAY), "--max-passes", str(passes), "--tolerance", "1e-12",
               "--start", out + ".npy", "--threads", str(threads), "--seed", str(seed), "--out", saved, "--json", summary, "--quiet"]
    np.save(out + ".npy", start)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    if subprocess.run(command).returncode not in (0, 3):  # 3: ended by the number of passes
        raise SystemExit(f"failed: {' '.join(command)}")
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    with open(summary) as file:
        fit = json.load(file)["fit"]
    topics, alpha = read_lambda(saved)
    seconds = fit["seconds"] - fit["seconds_evaluating"]
    # The last look at the ELBO makes local steps too.
    per = 1e9 * threads * fit["seconds"] / fit["word_iterations"]
    return {"seconds": seconds, "cpu_seconds": cpu * seconds / fit["seconds"], "ns_per_word_iteration": per,
            "cpu_ns_per_word_iteration": 1e9 * cpu / fit["word_iterations"], "threads": threads}, topics, alpha


def fit_sklearn(rows, start, batch, passes):
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import LatentDirichletAllocation

    class Started(LatentDirichletAllocation):
        def _init_latent_vars(self, n_features, dtype=np.float64):
            super()._init_latent_vars(n_features, dtype)
            self.components_ = start.copy()
            self.exp_dirichlet_component_ = np.exp(psi(start) - psi(start.sum(1))[:, None])

    pointers = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    words = np.array([w for r in rows for w, _ in r])
    counts = np.array([float(c) for r in rows for _, c in r])
    matrix = csr_matrix((counts, words, pointers), shape=(len(rows), start.shape[1]))
    model = Started(n_components=start.shape[0], learning_method="online", batch_size=batch, max_iter=passes, learning_decay=DECAY,
                    learning_offset=OFFSET, mean_change_tol=TOLERANCE, max_doc_update_iter=CAP, n_jobs=2, random_state=0,
                    evaluate_every=-1, total_samples=len(rows))
    model.partial_fit(matrix[:8])  # the workers are started before the clock is
    begin = time.perf_counter()
    model.fit(matrix)
    return {"seconds": time.perf_counter() - begin}, model.components_


def fit_gensim(rows, start, batch, passes):
    import warnings

    warnings.filterwarnings("ignore")
    from gensim.models import LdaModel

    k, v = start.shape
    model = LdaModel(id2word={i: str(i) for i in range(v)}, num_topics=k, chunksize=batch, passes=1, update_every=1, alpha=np.full(k, 1 / k),
                     eta=1 / k, decay=DECAY, offset=OFFSET + 1, iterations=CAP, gamma_threshold=TOLERANCE, eval_every=None, random_state=0)
    model.state.sstats[:] = (start - 1 / k).astype(model.dtype)
    model.sync_state()
    begin, cpu = time.perf_counter(), time.process_time()
    model.update(rows, passes=passes)
    return {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}, model.state.get_lambda().astype(float)


def print_row(name, result, n_documents, passes, log_predictive, ours=None):
    rate = passes * n_documents / result["seconds"]
    more = ""
    if "cpu_seconds" in result:
        more += f", {passes * n_documents / result['cpu_seconds']:.0f} per second of a processor"
    if "ns_per_word_iteration" in result:
        more += (f", {result['ns_per_word_iteration']:.2f} ns per word, iteration and thread, {result['cpu_ns_per_word_iteration']:.2f} of them of a "
                 "processor")
    if ours:
        more += f", velbo has {ours / rate:.1f} times that"
    print(f"  {name:14s}{rate:10.0f} documents/s, perplexity {np.exp(-log_predictive):.1f}{more}", flush=True)
    return rate


def speed(args):
    folder = os.path.join(args.out, f"topics_{args.documents}_{args.words}_{args.topics}")
    topics_data.make(folder, args.documents, args.words, args.topics)
    read = lambda name: topics_data.read_ldac(os.path.join(folder, name))  # noqa: E731
    train, observed, scored = read("train.ldac"), read("observed.ldac"), read("scored.ldac")
    truth = np.load(os.path.join(folder, "truth.npy"))
    alpha = np.full(args.topics, 1 / args.topics)
    true_alpha = np.full(args.topics, topics_data.ALPHA)
    print(f"{args.documents:,} documents, {args.words:,} words, {args.topics} topics, batches of 1,024, one epoch; the true topics score "
          f"{np.exp(-score(truth * 1e6 + 1e-9, true_alpha, observed, scored)):.1f}", flush=True)
    out, perplexities = [], {}
    for round_ in range(args.rounds):
        print(f"round {round_ + 1}, load {os.getloadavg()[0]:.1f}")
        # What one epoch comes to depends on where it starts and the documents' order by more than the programs differ.
        rng = np.random.default_rng(round_)
        start = rng.gamma(100, 0.01, (args.topics, args.words))
        rows = [train[i] for i in rng.permutation(len(train))]
        results = {}
        for threads in (2, 1):
            result, topics, learnt = fit_velbo(args, os.path.join(folder, "train.ldac"), start, os.path.join(folder, "velbo"), 1024, 1, threads,
                                               round_)
            results[f"velbo, {threads} thr."] = (result, score(topics, learnt, observed, scored))
        result, topics = fit_sklearn(rows, start, 1024, 1)
        results["scikit-learn"] = (result, score(topics, alpha, observed, scored))
        if args.gensim:
            result, topics = fit_gensim(rows, start, 1024, 1)
            results["gensim"] = (result, score(topics, alpha, observed, scored))
        ours = None
        for name, (result, predictive) in results.items():
            rate = print_row(name, result, args.documents, 1, predictive, None if "velbo" in name else ours)
            ours = ours or rate
            out.append({"round": round_, "name": name, "documents_per_second": rate, "log_predictive": predictive, **result})
            perplexities.setdefault(name, []).append(np.exp(-predictive))
    for name, values in perplexities.items():
        print(f"{name}: mean perplexity of {len(values)} starts {np.mean(values):.1f}, from {min(values):.1f} to {max(values):.1f}")
    return out


def read_feat(path):
    with open(path) as file:
        return [[(int(i) - 1, int(c)) for i, c in (pair.split(":") for pair in line.split()[1:])] for line in file]


def corpora(args):
    out = []
    for corpus in ("ap", "20news"):
        differences = {"scikit-learn": [], "gensim": []}
        for seed in range(1, args.seeds + 1):
            rng = np.random.default_rng(seed)
            if corpus == "ap":
                rows = topics_data.read_ldac(os.path.join(args.data, "ap.dat"))
                order = rng.permutation(len(rows))
                cut = len(rows) * 4 // 5
                train, test = [rows[i] for i in order[:cut]], [rows[i] for i in order[cut:]]
                n_words = 10473
            else:
                train, test = (read_feat(os.path.join(args.data, "20news", name)) for name in ("train.feat", "test.feat"))
                order = rng.permutation(len(train))
                train = [train[i] for i in order]
                n_words = 1995
            observed, scored = zip(*(topics_data.halves(row, rng) for row in test))
            start = rng.gamma(100, 0.01, (args.topics, n_words))
            alpha = np.full(args.topics, 1 / args.topics)
            folder = os.path.join(args.out, "corpora")
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, f"{corpus}_{seed}")
            topics_data.write_ldac(path + ".ldac", [*train, [(n_words - 1, 0)]])  # so that all words are counted
            results = {}
            result, topics, learnt = fit_velbo(args, path + ".ldac", start, path, 256, args.passes)
            results["velbo"] = (result, score(topics, learnt, observed, scored))
            result, topics = fit_sklearn(train, start, 256, args.passes)
            results["scikit-learn"] = (result, score(topics, alpha, observed, scored))
            if args.gensim:
                result, topics = fit_gensim(train, start, 256, args.passes)
                results["gensim"] = (result, score(topics, alpha, observed, scored))
            print(f"{corpus}, seed {seed}: " + ", ".join(f"{name} {value:.4f} ({result['seconds']:.1f} s)"
                                                        for name, (result, value) in results.items()), flush=True)
            for name, (result, value) in results.items():
                out.append({"corpus": corpus, "seed": seed, "name": name, "log_predictive": value, **result})
                if name in differences:
                    differences[name].append(results["velbo"][1] - value)
        for name, values in differences.items():
            if values:
                print(f"  velbo minus {name}: mean {statistics.mean(values):+.4f} nats a word, from {min(values):+.4f} to {max(values):+.4f}")
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("speed", "corpora"))
    parser.add_argument("--velbo", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=5_000)
    parser.add_argument("--topics", type=int)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-gensim", dest="gensim", action="store_false")
    args = parser.parse_args()
    args.topics = args.topics or (50 if args.what == "speed" else 20)
    args.out = os.path.abspath(args.out)
    os.makedirs(args.out, exist_ok=True)
    if args.what == "corpora" and not args.data:
        sys.exit("--data is missing: the folder of ap.dat and 20news")
    result = speed(args) if args.what == "speed" else corpora(args)
    path = os.path.join(args.out, f"topics_{args.what}.json")
    with open(path, "w") as file:
        json.dump({"what": args.what, "load_after": os.getloadavg(), "results": result}, file, indent=1)
    print("JSON:", path)


if __name__ == "__main__":
    main()
