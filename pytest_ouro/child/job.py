"""The JSON objects that the processes of a run get: the job of a launcher or a judge, the settings
of a confined program, and the judge's questions."""

from __future__ import annotations

from typing import Literal, TypedDict


class Job(TypedDict, total=False):
    """What the launcher or the judge of a run is to do. The supervisor sends to each the keys that
    it needs. Sources are the bytes of files, as Latin-1 text; paths are absolute."""

    mode: Literal["experiment", "script", "command"]
    root: str
    command: list[str]
    #: Whether the command is an evaluation.
    evaluation: bool
    #: The words after those of the interpreter, if the evaluation is a Python script to observe.
    observed: list[str]
    script_source: str
    script_path: str
    #: The harness, a module, and the names of its functions.
    harness: str
    harness_source: str
    harness_path: str
    loader: str
    evaluate: str
    #: The name of the metric.
    metric: str
    #: Seconds of training, which replace the harness's own.
    budget: float
    #: How many training batches use the budget up; 0 if the machine's clock does.
    steps: int
    #: Tokens that are served before the clock starts.
    warmup_tokens: int
    #: The number of rows to score; 0 for the judge's choice.
    rows: int
    #: The share of the scored rows that the score leaves out.
    vault: float
    #: The number of decimals to which the score is rounded; None for an exact one.
    score_decimals: int | None
    #: A number to mix into the seeds; 0 for none.
    salt: int
    #: Lists of paths, see sandbox.enter.
    sandbox: dict[str, list[str]]
    #: Whether the sandbox allows the internet.
    network: bool
    #: The supervisor's process id.
    supervisor: int
    #: Descriptors of the socket and the memory that the launcher and the judge share.
    line: int
    shared: int


class Confinement(TypedDict):
    """The settings by which ``evaluation.confine`` starts a program of the candidate: the
    ``folder`` in which it runs, the interpreter that takes the place of the name ``python``, and
    its ``environment``.

    Each program gets a new folder in ``scratch`` for temporary files, which TMPDIR names.
    ``sandbox`` has the lists of paths of the sandbox in which the candidate's command ran; None if
    it ran in no sandbox. A program of the candidate is put into the same sandbox, except that the
    new folder is the only one to which it can write. ``network`` allows the internet in the
    sandbox.
    """

    folder: str
    python: str
    environment: dict[str, str]
    scratch: str
    sandbox: dict[str, list[str]] | None
    network: bool


class Question(TypedDict, total=False):
    """A message of the judge to the training process: a question, which states how many ``rows``
    lie in the shared memory and how many tokens each has (``length``); {}, by which the judge says
    that there is room for the logits; or the score (``value``), after which no question follows."""

    rows: int
    length: int
    value: float
