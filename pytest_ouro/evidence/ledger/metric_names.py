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
#: Words before ``per``, as in ``ms_per_step``, of what is better the lower it is: of any rate, and
#: of one that is not per second.
_COSTS = {
    *("ms", "us", "ns", "seconds", "secs", "time", "cost", "loss", "nll", "nats", "error"),
    *("errors", "failures"),
}
_DATA = {"bits", "bytes", "cycles"}
_SECOND = {"s", "sec", "secs", "second", "seconds"}


def telling_words(metric: str) -> set[str]:
    """Return the words of a metric's name that say which values are better, in lower case; an empty
    set if no word does."""
    return set(re.split(r"[_\W]+", metric.lower())) & (_LOWER | _HIGHER)


def named_direction(metric: str) -> Literal["", "lower", "higher"]:
    """Return ``lower`` or ``higher``, as the words in a metric's name say; "" if it has no such
    word, or words of both. In a name with ``per`` only the word before ``per`` counts: ``lower`` if
    it is a time, a cost, a loss, an error, or bits, bytes or cycles (but not per second),
    ``higher`` if it is any other word."""
    words = re.split(r"[_\W]+", metric.lower())
    if "per" in words[1:]:  # tokens_per_second, but ms_per_step and bits_per_byte
        place = words.index("per", 1)
        is_rate = bool(_SECOND & {*words[place + 1 : place + 2]})
        lower = words[place - 1] in (_COSTS if is_rate else _COSTS | _DATA)
        return "lower" if lower else "higher"
    parts = set(words)
    if bool(parts & _LOWER) == bool(parts & _HIGHER):
        return ""
    return "lower" if parts & _LOWER else "higher"
