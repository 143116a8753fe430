"""Thai phonemes and tones, exact. No expected value comes from thaiphon: see the heads of the data files."""

import pytest

from content import thai_words
from content.pronunciation import lexicon
from narration import spoken_form, thai_sounds
from narration.spoken import prepare

#: Tone of a syllable without a tone mark, by class and kind: L live, S dead short, D dead long.
UNMARKED = {"mL": 1, "mS": 2, "mD": 2, "hL": 5, "hS": 2, "hD": 2, "lL": 1, "lS": 4, "lD": 3}
#: Tone of a mark (1 ่, 2 ้, 3 ๊, 4 ๋) by class.
MARKED = {"m1": 2, "m2": 3, "m3": 4, "m4": 5, "h1": 2, "h2": 3, "l1": 3, "l2": 4}


def sounds(word: str) -> str:
    return ".".join(map(str, thai_sounds.word(word)))


def test_words_by_hand_follow_the_tone_rules(rows) -> None:
    """The oracle itself: each tone is what its derivation gives, and each derivation fits the word."""
    marks = {"่": "1", "้": "2", "๊": "3", "๋": "4"}
    tones = set()
    for word, phonemes, derivation in rows("thai_by_hand.tsv"):
        steps = derivation.split(" ")
        written = [marks[sign] for sign in word if sign in marks]
        assert [step[2] for step in steps if step[2] != "0"] == written, word
        for syllable, step in zip(phonemes.split("."), steps, strict=True):
            tone = UNMARKED[step[:2]] if step[2] == "0" else MARKED[step[0] + step[2]]
            assert syllable.endswith(str(tone)), (word, syllable, step)
            dead = syllable[-2] in "ptk" or (step[1] == "S" and syllable[-2] in "aiɯueɛoɔɤ")
            assert dead == (step[1] in "SD"), (word, syllable, step)
            tones.add(tone)
    assert tones == {1, 2, 3, 4, 5}


def test_words_by_hand(rows) -> None:
    table = rows("thai_by_hand.tsv")
    wrong = {word: (sounds(word), expected) for word, expected, _ in table if sounds(word) != expected}
    assert not wrong
    assert len(table) >= 200


def test_words_agreed_with_a_second_engine(rows) -> None:
    table = rows("thai_agreed.tsv")
    wrong = {word: (sounds(word), expected) for word, expected in table if sounds(word) != expected}
    assert not wrong
    assert len(table) >= 200


def test_what_the_second_engine_says_otherwise_is_listed_with_a_reason(rows) -> None:
    for word, ours, theirs, reason in rows("thai_disagreements.tsv"):
        assert sounds(word) == ours != theirs, word
        assert len(reason) > 5, word


def test_sentences(rows) -> None:
    table = rows("thai_sentences.tsv")
    prepare((sentence, ()) for sentence, _ in table)
    wrong = {}
    for sentence, expected in table:
        said = [word.spoken for word in spoken_form(sentence, "th").words]
        got = ".".join(sounds(word) for word in said)
        if got != expected.replace(" ", "."):  # where a compound is cut does not change its sound
            wrong[sentence] = (got, expected)
    assert not wrong
    assert len(table) >= 30


@pytest.mark.parametrize(
    ("written", "expected"),
    {
        "ต่าง ๆ": "taːŋ2 taːŋ2",
        "ฯลฯ": "lɛ4.ʔɯːn2.ʔɯːn2",
        "21": "jiː3.sip2.ʔet2",
        "1,250": "nɯŋ2.pʰan1.sɔːŋ5.rɔːj4.haː3.sip2",
        "10%": "sip2.pɤː1.sen1",
        "อะแดปเตอร์": "ʔa2.dɛːp2.tɤː3",
        "โทเคน": "tʰoː1.kʰeːn1",
    }.items(),
)
def test_repeats_numbers_and_terms_in_a_text(written: str, expected: str) -> None:
    words = spoken_form(written, "th").words
    said = [".".join(str(s) for _, found in thai_sounds.words(word.spoken) for s in found) for word in words]
    assert " ".join(said) == expected


def test_notation_is_read_back() -> None:
    for text in ("kʰrɯːaŋ3.maːj5", "ʔa2.dɛːp2.tɤː3", "tɕʰuːaj3", "ŋɤn1"):
        assert ".".join(map(str, thai_sounds.parse(text))) == text
    with pytest.raises(ValueError, match="'kaa6'"):
        thai_sounds.parse("kaa6")


def test_every_sound_of_the_lexicon_parses() -> None:
    for spoken, sound in lexicon("th").word.values():
        assert thai_sounds.parse(sound), spoken


def test_a_fragment_joins_the_word_before_it() -> None:
    for text in ("แรงก์", "อะแดปเตอร์", "ดับเบิลยู", "เฟิร์มแวร์"):
        words = [text[a:b] for a, b in thai_words.segment(text)]
        assert "".join(words) == text
        assert all(len(word) > 1 and not word.startswith(("์", "่", "า", "ะ")) for word in words)
