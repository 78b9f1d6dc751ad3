"""What instructions in French, German or Spanish say of files and directions, in English words."""

from __future__ import annotations

import re
from functools import cache

#: Words of which each phrase has one: most texts have none, and are spared the rest.
_FOREIGN = re.compile(
    r"(?i)\b(?:ne|est|sont|reste(?:nt)?|mieux|(?:seule|unique|exclusive)ment|peux|pouvez|nicht|nur|darf"
    r"|ausschließlich|nie|niemals|darfst|ist|sind|bleib(?:t|en)|besser|sol[oa]|sólo|solamente"
    r"|únicamente|nunca|jamás|es|son|está|están|queda|puedes|mejor)\b|\bno (?=[mtcesd])"
)
#: Quoted paths, one after the other.
_PATHS = r"(`[^`\n]+`(?:(?:,| and) `[^`\n]+`)*)"
#: What patterns for English instructions find, and the phrases that it replaces: by their language,
#: for French, German and Spanish, in this order. A group is the object within a phrase, which
#: follows it in English.
_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        " and ",
        (
            r"(?<=`),? (?:et|ou|ni|ni à|et à|ou à) (?=`)",
            r"(?<=`),? (?:und|oder|noch) (?=`)",
            r"(?<=`),? (?:y|e|o|ni|ni a) (?=`)",
        ),
    ),
    (
        "do not modify",
        (
            r"\bne (?:modifi|touch|chang|édit)\w* (?:jamais|pas|point)(?: à)?(?= )",
            r"\bne (?:pas|jamais) (?:modifier|toucher|changer|éditer)(?: à)?(?= )",
            rf"\b(?:ver)?änder(?:e|n sie) {_PATHS} (?:nicht|nie(?:mals)?)\b",
            rf"\bbearbeite(?:n sie)? {_PATHS} (?:nicht|nie(?:mals)?)\b",
            rf"\bfass(?:e|en sie)? {_PATHS} (?:nicht|nie(?:mals)?) an\b",
            r"\b(?:no|nunca|jamás) (?:modifi(?:ques|car|quen)|toques?|tocar)(?= )",
            r"\b(?:no|nunca|jamás) (?:cambies?|cambiar|edites?|editar)(?= )",
        ),
    ),
    (
        "must not be changed",
        (
            r"\bne (?:doit|doivent|peut|peuvent) (?:pas|jamais) être (?:modifi|chang|touch)ée?s?\b",
            r"\b(?:darf|dürfen) (?:nicht|nie(?:mals)?) (?:ge|ver)ändert werden",
            r"\b(?:darf|dürfen) (?:nicht|nie(?:mals)?) (?:bearbeitet|angefasst) werden",
            r"\b(?:no|nunca) se (?:puede|debe)n? (?:modificar|cambiar|tocar)\b",
            r"\b(?:no|nunca) (?:puede|debe)n? ser (?:modifica|cambia|toca)d[oa]s?\b",
        ),
    ),
    (
        "only edit",
        (
            r"\bne (?:modifie|touche|change|édite)[sz]?(?: à)? que(?: le fichier)?(?= )",
            r"\b(?:modifie|édite|change)[rsz]? (?:unique|seule|exclusive)ment(?: le fichier)?(?= )",
            r"\b(?:änder|bearbeit)(?:e|en sie|n sie) (?:nur|ausschließlich)(?: die datei)?(?= )",
            rf"\bnur {_PATHS} (?:darf|dürfen) (?:ge|ver)ändert werden",
            rf"\bnur {_PATHS} (?:darf|dürfen) bearbeitet werden",
            r"\b(?:modifica|edita|cambia|toca) (?:sol[oa]|sólo|(?:sola|única)mente)(?= )",
            r"\b(?:sol[oa]|sólo|(?:sola|única)mente) (?:puedes )?(?:modifica|edita|cambia)r?(?= )",
        ),
    ),
    (
        "you may edit",
        (
            r"\b(?:tu peux|vous pouvez) (?:modifier|éditer|changer)(?= )",
            rf"\bdu darfst {_PATHS} (?:ver)?(?:ändern|bearbeiten)\b",
            r"\bpuedes (?:modificar|editar|cambiar)(?= )",
        ),
    ),
    (
        "is fixed",
        (
            r"\b(?:est|sont|reste(?:nt)?) (?:figée?s?|fixes?|intouchables?|en lecture seule)\b",
            r"\b(?:ist|sind|bleib(?:t|en)) (?:fest|unverändert|eingefroren|gesperrt|tabu)\b",
            r"\b(?:es|son|está|están|queda) (?:fij[oa]s?|intocables?|congelad[oa]s?)\b",
            r"\b(?:es|son) de solo lectura\b",
        ),
    ),
    (
        "lower is better",
        (
            r"\bplus (?:petit|bas|faible|court)e?,? (?:c['’])?est (?:le )?mieux",
            r"\b(?:kleiner|niedriger|weniger|kürzer|geringer) ist besser",
            r"\bje (?:kleiner|niedriger|geringer|kürzer),? desto besser",
            r"\b(?:menor|menos|más (?:bajo|pequeño|corto)) es mejor",
            r"\bcuanto (?:menor|más bajo|más pequeño),? mejor",
        ),
    ),
    (
        "higher is better",
        (
            r"\bplus (?:grand|haut|élevé|fort)e?,? (?:c['’])?est (?:le )?mieux",
            r"\b(?:größer|höher|mehr) ist besser",
            r"\bje (?:größer|höher|mehr),? desto besser",
            r"\b(?:mayor|más(?: (?:alto|grande))?) es mejor",
            r"\bcuanto (?:mayor|más alto|más grande),? mejor",
        ),
    ),
)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the compiled phrases, each with what replaces it."""
    pairs = [(re.compile(f"(?i){one}"), new) for new, phrases in _PHRASES for one in phrases]
    return tuple((one, rf"{new} \1" if one.groups else new) for one, new in pairs)


def in_english(text: str) -> str:
    """Return a text in which phrases about files and directions in French, German and Spanish are
    replaced by English ones; other words stay as they are."""
    if not _FOREIGN.search(text):
        return text
    for pattern, new in _patterns():
        text = pattern.sub(new, text)
    return text
