"""`speech_rtf`: seconds of one core to turn sentences into clips over the seconds they last, both languages.

Everything a listener waits for is counted (words, phonemes, network, mp3); the segmentation and the
pronunciations are forgotten between rounds, the voice stays loaded. CPU seconds, since the machine's other
work is not ours.
"""

import time
from typing import Any

from benchmarks.measure import entry
from content import thai_words
from narration import thai_sounds
from narration.article import Utterance, chapters
from narration.speaker import Speaker

ROUNDS, SENTENCES, TARGET = 7, 10, 0.05


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Ratios of both languages, round by round side by side.

    Returns:
        Entries `speech_rtf_en` and `speech_rtf_th`, see `measure.entry`.
    """
    speaker = Speaker(None)
    texts = {language: _sentences(language) for language in ("en", "th")}
    ratios: dict[str, list[float]] = {language: [] for language in texts}
    for round_ in range(rounds + 1):  # the first warms up
        for language, said in texts.items():
            thai_words.forget()
            thai_sounds.word.cache_clear()
            begin = time.process_time()
            seconds = sum(speaker.clip(utterance)[0].duration for utterance in said)
            if round_:
                ratios[language].append((time.process_time() - begin) / seconds)
    notes = f"{SENTENCES} sentences of the article, words to mp3"
    return {
        f"speech_rtf_{language}": entry(values, TARGET, "lower", notes) for language, values in ratios.items()
    }


def _sentences(language: str) -> list[Utterance]:
    """Sentences from all over the article."""
    every = [said for chapter in chapters(language) for said in chapter.utterances if len(said.display) > 40]
    return every[:: len(every) // SENTENCES][:SENTENCES]


if __name__ == "__main__":
    print(measure())
