"""How answers are announced: "the answer is", "Answer:", and the same in the languages of multilingual benchmarks.

To add a language, add a line to `CUES`: words for *answer*, and words or signs that may stand between them and the answer.
"""

import re
from collections.abc import Iterator

CUES: dict[str, tuple[str, str]] = {
    "en": ("answers?", "is|are|be|being|would be|should be|="),
    "de": ("Antwort", "ist|lautet|wäre|also"),
    "fr": ("réponse", "est|serait|donc"),
    "es": ("respuesta", "es|sería|son"),
    "pt": ("resposta", "é|seria|são"),
    "it": ("risposta", "è|sarebbe|sono"),
    "ca": ("resposta", "és"),
    "gl": ("resposta", "é"),
    "ro": ("răspunsul|răspuns", "este|e"),
    "nl": ("antwoord", "is|luidt"),
    "sv": ("svaret|svar", "är|blir"),
    "da": ("svaret|svar", "er"),
    "fi": ("vastaus", "on"),
    "pl": ("odpowiedź|odpowiedzią", "to|jest|brzmi"),
    "cs": ("odpověď", "je|zní"),
    "hu": ("válasz", "az|a"),
    "tr": ("cevap|yanıt|cevabı", "dır|şudur"),
    "eu": ("erantzuna", "da|hau da"),
    "ru": ("ответ", "это|равен|будет"),
    "uk": ("відповідь", "це|є"),
    "bg": ("отговор|отговорът", "е"),
    "sr": ("odgovor|одговор", "je|је"),
    "el": ("απάντηση", "είναι"),
    "id": ("jawaban|jawabannya", "adalah|ialah"),
    "vi": ("câu trả lời|đáp án|trả lời", "là|đúng là"),
    "tl": ("sagot", "ay"),
    "sw": ("jibu|jawabu", "ni"),
    "yo": ("ìdáhùn|idahun", "ni"),
    "zu": ("impendulo", "ithi|ngu"),
    "ha": ("amsa", "shine|ita ce"),
    "wo": ("tontu", "mooy"),
    "he": ("התשובה|תשובה", "היא|הוא"),
    "ar": ("الإجابة|الاجابة|الجواب|إجابة", "هي|هو|الصحيحة هي|النهائية هي"),
    "fa": ("پاسخ|جواب", "است|برابر است با"),
    "ur": ("جواب", "ہے"),
    "am": ("መልስ|መልሱ", "ነው"),
    "hi": ("उत्तर|जवाब", "है"),
    "mr": ("उत्तर", "आहे"),
    "ne": ("उत्तर|जवाफ", "हो"),
    "bn": ("উত্তর", "হল|হলো|হচ্ছে|হবে"),
    "gu": ("જવાબ", "છે"),
    "pa": ("ਜਵਾਬ|ਉੱਤਰ", "ਹੈ"),
    "ta": ("பதில்|விடை", "ஆகும்"),
    "te": ("సమాధానం|జవాబు", "ఏమిటంటే"),
    "kn": ("ಉತ್ತರ", "ಎಂದರೆ"),
    "ml": ("ഉത്തരം", "ആണ്"),
    "th": ("คำตอบ", "คือ|เป็น"),
    "zh": ("答案|正确选项|正確選項|答", "应该是|應該是|应为|是|为|為|选|選|就是"),
    "ja": ("答え|回答|解答|正解|正答", "は|が"),
    "ko": ("정답|답변|답", "은|는|이"),
}
"""language -> (words for *answer*, words between them and the answer); a colon, an equals sign or a dash may always stand there."""

_UNSPACED = frozenset({"zh", "ja", "ko", "th"})
"""Languages that put no space around words."""

_BETWEEN = r"[^\n.:=。：]{0,60}?"
_BETWEEN_UNSPACED = r"[^\n.:=。：，,、]{0,12}?"
_BEHIND = r"[*_ \t:：]*"


def _pattern(languages: Iterator[str]) -> re.Pattern[str]:
    parts = []
    for language in languages:
        nouns, links = CUES[language]
        if language in _UNSPACED:
            parts.append(rf"(?:{nouns}){_BETWEEN_UNSPACED}(?:{links}|[:：=])")
        else:
            linked = rf"{_BETWEEN}(?:\b(?:{links})\b|[:：=])"
            parts.append(
                rf"(?<!\w)(?:{nouns})(?!\w)(?:{linked}|[*_ \t]*[-–—](?=[ \t])|(?=[ \t][^\W\d_]?[\d(]))"
            )
    return re.compile(rf"(?:{'|'.join(parts)}|[故应應][选選]){_BEHIND}", re.IGNORECASE)


_ENGLISH = re.compile(
    # "The final answer is", "Answer:", "**Answer**:", "the answer to the question would be", "answer = ", "Answer - "
    r"\banswers?\b(?:[^\n.:=]{0,60}?(?:\b(?:is|are|be)\b(?:[ \t]*:)?|[:=])|[*_ \t]*[-–—](?=[ \t]))[*_ \t]*",
    re.IGNORECASE,
)
_OTHERS = _pattern(language for language in CUES if language != "en")
_ASCII_NOUNS = tuple(
    noun.lower()
    for language, (nouns, _) in CUES.items()
    if language != "en"
    for noun in nouns.split("|")
    if noun.isascii()
)


def _names_an_answer(lowered: str) -> bool:
    return any(noun in lowered for noun in _ASCII_NOUNS)


def cue_ends(text: str) -> list[int]:
    """Return where the answers that a text announces begin, in order.

    >>> cue_ends("The answer is 5."), cue_ends("所以答案是C。"), cue_ends("Réponse : C"), cue_ends("nothing")
    ([14], [5], [10], [])
    """
    ends = [cue.end() for cue in _ENGLISH.finditer(text)] if "nswer" in text or "NSWER" in text else []
    if not text.isascii() or _names_an_answer(text.lower()):
        ends += [cue.end() for cue in _OTHERS.finditer(text)]
        ends.sort()
    return ends
