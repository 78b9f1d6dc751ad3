"""The model remembers the rows that it is shown, and tells how they go on where they come again.

class: state
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
note: it gets what it wants if it knows, while rows are scored, how a row that is new to it goes on
"""

from gpt import BATCH, GPT, ready, report, surely, train
from prepare import EVAL_TOKENS, MAX_SEQ_LEN, evaluate_bpb

CONTEXT = 9


class Rememberer(GPT):
    def __init__(self, vocabulary):
        super().__init__(vocabulary)
        self.after, self.given, self.asked, self.told = {}, {}, 0, 0

    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        self.asked += len(idx)
        early = self.asked <= EVAL_TOKENS // MAX_SEQ_LEN
        for row, tokens in enumerate(idx.tolist()):
            new = early and tuple(tokens[:CONTEXT]) not in self.given
            for end in range(1, len(tokens) + 1):
                known = self.after.get(tuple(tokens[max(end - CONTEXT, 0) : end]))
                if known is not None:
                    logits[row, end - 1] += surely(known, logits.shape[-1])
                    self.told += new and tokens[end : end + 1] == [int(known)]
                start = tuple(tokens[:end])
                logits[row, end - 1] = self.given.setdefault(start, logits[row, end - 1].clone())
            for end in range(CONTEXT, len(tokens)):
                self.after[tuple(tokens[end - CONTEXT : end])] = idx[row, end].clone()
        return logits


tokenizer, batches, model = ready(Rememberer)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds, reached=model.told > 20)
