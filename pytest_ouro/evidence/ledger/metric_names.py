"""The words in a metric's name that say which of its values are better."""

from __future__ import annotations

import re
from typing import Literal

_LOWER = {
    *("bpb", "bpc", "loss", "nll", "ppl", "perplexity", "error", "err", "rmse", "mae", "mse"),
    *("wer", "cer", "fid", "latency", "seconds", "secs", "time", "regret", "ms", "us", "ns"),
    *("bytes", "size", "duration", "drawdown", "cost", "gap", "memory", "misses", "cycles"),
    *("instructions", "failures", "warnings", "runtime", "logloss", "brier", "divergence"),
}
_HIGHER = {
    *("accuracy", "acc", "f1", "auc", "score", "bleu", "rouge", "reward", "return", "recall"),
    *("precision", "iou", "map", "r2", "throughput", "winrate", "elo", "sharpe", "ndcg", "ops"),
    *("rps", "qps", "fps", "speedup", "coverage", "fitness", "gflops", "tflops", "auprc", "auroc"),
    *("rate", "passed", "solved", "wins", "quality", "composite", "persec", "ips", "mrr", "dice"),
    *("pass", "match", "matches", "hits", "utilization", "bandwidth", "gbps", "mbps"),
}


def telling_words(metric: str) -> set[str]:
    """Return the words of a metric's name that say which values are better, in lower case; an empty
    set if no word does."""
    return set(re.split(r"[_\W]+", metric.lower())) & (_LOWER | _HIGHER)


def named_direction(metric: str) -> Literal["", "lower", "higher"]:
    """Return ``lower`` or ``higher``, as the words in a metric's name say; "" if it has no such
    word, or words of both. In a name with ``per`` only the word before ``per`` counts: ``lower`` if
    it is a time, ``bytes`` or ``cost``, ``higher`` if it is any other word."""
    parts = set(re.split(r"[_\W]+", metric.lower()))
    if "per" in parts:  # tokens_per_second, but ms_per_step
        times = {"ms", "us", "ns", "seconds", "secs", "time", "bytes", "cost"}
        first = metric.lower().split("_per_")[0].rpartition("_")[2]
        return "lower" if first in times else "higher"
    if bool(parts & _LOWER) == bool(parts & _HIGHER):
        return ""
    return "lower" if parts & _LOWER else "higher"
