"""`python -m narration speak | phonemes | render | samples`: speech without the web app."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from content.catalog import LANGUAGES, catalog
from narration.article import PAUSES, Utterance, chapters
from narration.cache import Cache, Clip
from narration.chapter import joined
from narration.speaker import Speaker
from narration.spoken import spoken_form
from narration.voices.base import VoiceError
from narration.voices.registry import BUILTIN, Settings, available

SAMPLES = 10  # sentences a language


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 where it worked."""
    parser = argparse.ArgumentParser(prog="python -m narration", description=_t("narration.cli.about"))
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run in (("speak", speak), ("phonemes", phonemes), ("render", render), ("samples", samples)):
        command = commands.add_parser(name, help=_t(f"narration.cli.{name}"))
        command.set_defaults(run=run)
        if name in ("speak", "phonemes"):
            command.add_argument("--language", choices=LANGUAGES, required=True)
            command.add_argument("--text", required=True)
        if name != "phonemes":
            command.add_argument("--voice", choices=available(Settings.from_environment()), default=BUILTIN)
        if name in ("speak", "samples"):
            command.add_argument(
                "--out", type=Path, default=Path("samples" if name == "samples" else "speech.mp3")
            )
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, VoiceError, ValueError) as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        return 1


def speak(options: argparse.Namespace) -> int:
    """A text as an mp3, and beside it a JSON file with the times of its words and sentences."""
    speaker = Speaker(Cache())
    ranges = list(sentences(options.text, options.language))
    clips = [_said(speaker, options.text[a:b], options.language, options.voice) for a, b in ranges]
    if not any(clip.words for clip in clips):
        raise ValueError(_t("narration.cli.nothing"))
    whole = joined([str(number) for number in range(len(clips))], clips)
    starts = {str(number): begin for number, (begin, _) in enumerate(ranges)}
    times = {
        "duration": round(whole.duration, 4),
        "words": [
            {key: word[key] + (starts[word["sentence"]] if key in ("start", "end") else 0) for key in _TIMES}
            for word in whole.words
        ],
        "sentences": [
            {"start": a, "end": b, "t0": said["t0"], "t1": said["t1"]}
            for (a, b), said in zip(ranges, whole.sentences, strict=True)
        ],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(whole.mp3)
    options.out.with_suffix(".json").write_text(json.dumps(times, ensure_ascii=False), "utf-8")
    return 0


_TIMES = ("start", "end", "t0", "t1")


def _said(speaker: Speaker, text: str, language: str, voice: str) -> Clip:
    clip, fallback = speaker.clip(Utterance("", language, text, pause=PAUSES["sentence"]), voice)
    if fallback:
        print(f"{voice} -> {clip.voice}: {_t('narration.fallback.' + fallback)}", file=sys.stderr)
    return clip


_END = re.compile(r"[.!?][\"”’)\]]*\s+(?=[\"“‘(\[]*[A-Z0-9$])")
_NO_END = re.compile(r"(?:^|[\s(])(?:e\.g|i\.e|Dr|Fig|Eq|No|vs|al|cf|[A-Z]|\d+)\.$")


def sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Ranges of the sentences: a line each, and in English also what ends in . ! or ? before a capital."""
    for line in re.finditer(r"\S[^\n]*", text):
        begin, stop = line.start(), line.start() + len(line[0].rstrip())
        for mark in _END.finditer(text, begin, stop) if language == "en" else ():
            if not _NO_END.search(text[begin : mark.start() + 1]):
                yield begin, mark.start() + len(mark[0].rstrip())
                begin = mark.end()
        yield begin, stop


def phonemes(options: argparse.Namespace) -> int:
    """One line a word: the word as written, a tab, its phonemes; Thai syllables end in a tone's number."""
    from narration.voices.engine import engine
    from narration.voices.plan import plan

    form = spoken_form(options.text, options.language)
    for word, said in zip(form.words, plan(form, engine().g2p).said, strict=True):
        print(f"{options.text[word.start : word.end]}\t{' '.join(said)}")
    return 0


def render(options: argparse.Namespace) -> int:
    """The whole article in both languages, into the cache."""
    speaker, cache = Speaker(Cache()), Cache()
    for language in LANGUAGES:
        said = [utterance for chapter in chapters(language) for utterance in chapter.utterances]
        seconds = 0.0
        for number, utterance in enumerate(said, 1):
            clip, fallback = speaker.clip(utterance, options.voice)
            seconds += clip.duration
            bar = "█" * (24 * number // len(said))
            print(f"\r{language} {bar:░<24} {number}/{len(said)}", end="", file=sys.stderr, flush=True)
            if fallback:
                print(f" {_t('narration.fallback.' + fallback)}", file=sys.stderr)
        print(f"  {int(seconds // 60)}:{int(seconds % 60):02}", file=sys.stderr)
    print(cache.folder)
    return 0


def samples(options: argparse.Namespace) -> int:
    """Sentences of the article from every voice, for ears: mp3 files beside a list of what they say."""
    options.out.mkdir(parents=True, exist_ok=True)
    speaker, lines = Speaker(None), []
    for language in LANGUAGES:
        said = [u for chapter in chapters(language) for u in chapter.utterances if len(u.display) > 60]
        for utterance in said[:: max(1, len(said) // SAMPLES)][:SAMPLES]:
            clip, _ = speaker.clip(utterance, options.voice)
            name = f"{language}-{utterance.id}-{clip.voice}.mp3"
            (options.out / name).write_bytes(clip.mp3)
            lines.append(f"{name}\t{utterance.display}\n")
    (options.out / "list.tsv").write_text("".join(lines), "utf-8")
    print(options.out)
    return 0


def _t(key: str) -> str:
    return str(catalog("en")[key])


if __name__ == "__main__":
    sys.exit(main())
