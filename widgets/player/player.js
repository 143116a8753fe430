// The player: what is spoken, where, by which voice. One a document; what is seen of it are its faces.
//   position   a sentence of a chapter and the seconds into it, in one language
//   track      a chapter in one voice: its sentences, as far as they are made
import { createClips } from './clips.js'
import { createDevice } from './device.js'
import { createStore } from './store.js'
import { tellSystem } from './system.js'
import { ask, createTracks, wait } from './tracks.js'

const PLAYER = Symbol.for('pradit.player')
const FAST = 80, SLOW = 500                 // ms between two looks at what is made: waiting for it, or ahead of it

export const thePlayer = () => (globalThis[PLAYER] ??= createPlayer())

function createPlayer() {
  const { value: kept, save } = createStore(), faces = new Set(), tracks = createTracks()
  const sorry = {}                          // voices that failed, by language, for as long as the page lives
  let page, language, book, track, ahead, index = 0, offset = 0, phase = 'idle', notice = '', offered = false
  let turns = 0, sleep = '', sleeper = 0, cards = 0, insight = true, asked = 0, saved = 0
  const clips = createClips({ playing, waiting: () => state('loading'), ended, failed: clipFailed, paused: stopped, time: tick })
  const device = createDevice({ playing, ended, failed: deviceFailed, voices: () => { settle(); show() } })

  // ---- chapters and tracks ----
  function voiceOf(name) {
    const voices = device.voices(name), chosen = kept.voices[name]
    const there = voice => voice && (voice.startsWith('device') ? voices.length > 0 : voice in page.voices)
    if (sorry[name]) return sorry[name]
    if (there(chosen)) return chosen
    return name === 'th' && voices.length ? 'device' : 'builtin'
  }
  const trackOf = (name, chapter) => tracks.of(name, voiceOf(name), chapter, track)
  // Ask for a track until all of it is there; the server makes it from the sentence on.
  async function fill(one, sentence) {
    one.wanted = sentence
    if (one.filling || one.complete) return one.wake?.()
    one.filling = true
    try {
      while (!one.complete && (one === track || one === ahead)) {
        const voice = one.voice.split(':')[0]
        update(one, await ask(`narration/${one.language}/${one.chapter.id}?voice=${voice}&sentence=${one.wanted}`))
        if (!one.complete) await wait(phase === 'loading' ? FAST : SLOW, one)
      }
    } catch {
      if (one === track && phase === 'loading') say('unreachable', 'paused')
    } finally {
      one.filling = false
    }
  }
  function update(one, made) {
    tracks.update(one, made)
    if (one === track) {
      if (made.fallback && phase !== 'idle') say(`fallback.${made.fallback}`)
      if (phase === 'loading') go()
      fetchNext()
      show()
    }
  }
  function fetchNext() {
    if (track.voice.startsWith('device') || phase === 'idle') return
    if (track.audio) clips.fetch(track.audio)
    else for (const next of track.sentences.slice(index + 1, index + 4)) clips.fetch(next.audio)
  }

  // ---- playing ----
  async function start(name, sentence, seconds = 0) {
    const turn = ++turns
    clips.unlock()
    quiet()
    clearNotice()
    if (sentence === api.sentence?.id && name === language) state('loading')
    phase = 'loading'                       // seen once the place is known
    try {
      const chapters = await tracks.chapters(name)
      if (turn === turns) place(name, chapters, sentence, seconds)
    } catch {
      if (turn === turns) say('unreachable', 'paused')
      return
    }
    if (turn !== turns) return
    kept.closed = false
    offered = language !== page.language
    fill(track, track.sentences[index].id)
    go()
  }
  function place(name, chapters, sentence, seconds) {
    language = name
    book = chapters
    const found = Math.max(0, chapters.findIndex(chapter => chapter.sentences.some(([id]) => id === sentence)))
    track = trackOf(name, chapters[found])
    ahead = undefined
    index = Math.max(0, track.sentences.findIndex(({ id }) => id === sentence))
    offset = seconds
    show()
  }
  // Begin to sound at the place, or wait until it is made.
  function go() {
    if (track.voice.startsWith('device')) {
      if (!track.complete) {
        state('loading')
        return void fill(track, track.sentences[index].id)
      }
      offset = 0
      return device.play(track.sentences[index], language, track.voice.slice(7), kept.speed)
    }
    while (track.sentences[index]?.audio === '') [index, offset] = [index + 1, 0]
    if (index >= track.sentences.length) {
      index = 0
      return track.sentences.every(({ audio }) => audio === '') ? nobody() : nextChapter()
    }
    const { audio } = track.sentences[index]
    if (track.audio) clips.play(track.audio, track.starts[index] + offset, 0, true, kept.speed)
    else if (audio) clips.play(audio, offset, track.starts[index], false, kept.speed)
    else {
      state('loading')
      return void fill(track, track.sentences[index].id)
    }
    fetchNext()
  }
  function playing() {
    state('playing')
    tick()
    if (!asked) asked = requestAnimationFrame(frame)
  }
  function frame() {
    asked = 0
    if (phase !== 'playing') return
    tick()
    asked = requestAnimationFrame(frame)
  }
  // Where the voice is now.
  function tick() {
    if (phase !== 'playing' || !track) return
    const before = index
    if (track.voice.startsWith('device')) offset = device.time()
    else {
      const time = clips.time()
      if (clips.whole()) while (index + 1 < track.starts.length && track.starts[index + 1] <= time + 0.005) index++
      offset = Math.max(0, time - track.starts[index])
    }
    if (index !== before) {
      lookAhead()
      remember()
    } else if (performance.now() - saved > 4000) remember()
    for (const face of faces) face.tick(index !== before)
  }
  function lookAhead() {
    fetchNext()
    const next = book[book.indexOf(track.chapter) + 1]
    if (!next || !track.complete || index < track.sentences.length / 2) return
    ahead = trackOf(language, next)
    fill(ahead, ahead.sentences[0].id).then(() => ahead && clips.fetch(ahead.audio))
  }
  function ended(whole) {
    if (phase !== 'playing' && phase !== 'loading') return
    if (whole || index + 1 >= track.sentences.length) return nextChapter()
    index++
    offset = 0
    state('loading', true)
    lookAhead()
    remember()
    go()
    for (const face of faces) face.tick(true)
  }
  function nextChapter() {
    const next = book[book.indexOf(track.chapter) + 1], stop = sleep === 'chapter'
    place(language, book, (next ?? book[0]).sentences[0][0], 0)
    remember()
    if (!next || stop) {
      quiet()
      if (stop) setSleep('')
      return say(stop ? 'slept' : 'ended', 'paused')
    }
    state('loading')
    fill(track, track.sentences[0].id)
    go()
  }
  function quiet() {
    clips.forget()
    device.stop()
  }
  function stopped() {                      // by us, or by the system
    if (phase !== 'playing' && phase !== 'loading') return
    turns++
    if (phase === 'playing') tick()
    state('paused')
    remember()
  }
  function pause() {
    stopped()
    clips.pause()
    device.stop()
  }
  // Go to a place; play on if it was playing.
  function move(sentence, seconds, play) {
    if (play || phase === 'playing' || phase === 'loading') return start(language, sentence, seconds)
    quiet()
    place(language, book, sentence, seconds)
    remember()
    if (cards) fill(track, sentence)
  }

  // ---- when a voice fails ----
  function clipFailed() {
    clips.forget()
    tracks.forget(track)                     // its clips are gone: ask anew, once
    if (track.failed) return say('unreachable', 'paused')
    track = trackOf(language, track.chapter)
    track.failed = true
    state('loading')
    fill(track, track.sentences[index].id)
  }
  function deviceFailed() {
    instead('builtin', 'device_failed')
  }
  function nobody() {                       // the server has no voice at all
    if (device.voices(language).length && !sorry[language]) return instead('device', 'device_instead')
    quiet()
    say('none', 'paused')
  }
  function instead(voice, why) {
    const tried = sorry[language]
    sorry[language] = voice
    if (tried) return say('none', 'paused')
    start(language, track.sentences[index].id).then(() => say(why))
  }

  // ---- what is said about it ----
  function state(next, silently = false) {
    if (phase === next) return
    phase = next
    if (silently) return
    media()
    show()
  }
  function say(what, next) {
    if (next) phase = next
    notice = what
    media()
    show()
  }
  function clearNotice() {
    notice = ''
  }
  const words = key => {
    if (!key) return ''
    return key.startsWith('fallback.') ? page.fallbacks[key.slice(9)] ?? '' : page.text[key]
  }
  function remember() {
    saved = performance.now()
    kept.places[language] = { sentence: track.sentences[index].id, offset: Math.round(offset * 100) / 100 }
    kept.last = language
    save()
  }
  function show() {
    if (page && track) for (const face of faces) face.show()
  }
  const media = () => { if (track) tellSystem(api) }
  // Before anything is played, the player stands where the reader left it, in the page's language.
  async function settle() {
    if (phase !== 'idle' || !page) return
    const name = page.language, found = kept.places[name] ?? kept.places[kept.last]
    const chapters = await tracks.chapters(name).catch(() => undefined)
    if (!chapters || phase !== 'idle' || name !== page.language) return
    place(name, chapters, found?.sentence ?? '', kept.places[name]?.offset ?? 0)
    if (cards) fill(track, track.sentences[index].id)
  }
  function setSleep(value) {
    sleep = value
    clearTimeout(sleeper)
    if (+value) sleeper = setTimeout(() => { setSleep(''); pause(); say('slept') }, value * 60_000)
    show()
  }
  addEventListener('pagehide', () => { if (track && phase === 'playing') { tick(); remember() } })

  const api = {
    faces, kept, clips, lengths: tracks.lengths, show, pause,
    get page() { return page },
    get phase() { return phase },
    get track() { return track },
    get book() { return book },
    get language() { return language },
    get index() { return index },
    get sentence() { return track?.sentences[index] },
    get notice() { return words(notice) },
    get sleep() { return sleep },
    get offered() { return offered },
    // Whether the bar has something to show: the card of the Listen view does the same when it is in sight.
    get besideCard() { return cards > 0 }, // the bar stands for the card's keys, which are out of sight
    get present() { return !(cards && insight) && !!track && (phase !== 'idle' || (!!kept.last && !kept.closed)) && !kept.closed },
    get resuming() { return phase === 'idle' && !!kept.last && !!kept.places[language] },
    get busy() { return phase === 'playing' || phase === 'loading' },
    get speaker() { return track ? api.sentence.voice ?? track.voice : '' },
    time: () => (track ? track.starts[index] + Math.min(offset, track.sentences[index].duration) : 0),
    word() {
      if (!track) return
      if (track.voice.startsWith('device')) return device.word()
      return (api.sentence.words ?? []).filter(word => word.t0 <= offset + 0.03).at(-1)
    },
    setPage(next) {
      const changed = page?.language !== next.language
      page = next
      if (phase === 'idle') { if (changed) settle() } else offered = language !== page.language
      show()
    },
    card(open) {
      cards += open ? 1 : -1
      insight = true
      if (cards && track && !track.complete) fill(track, track.sentences[index].id)
      show()
    },
    cardSeen(value) { insight = value; show() },
    start,
    toggle() {
      if (!track) return
      if (api.busy) pause()
      else start(language, api.sentence.id, offset)
    },
    seek(seconds, play) {
      const to = Math.min(Math.max(0, seconds), track.duration - 0.05)
      const i = Math.max(0, track.starts.findLastIndex(start => start <= to))
      move(track.sentences[i].id, to - track.starts[i], play)
    },
    skip(seconds) { if (track) api.seek(api.time() + seconds) },
    step(by) {
      if (!track) return
      const all = book.flatMap(chapter => chapter.sentences.map(([id]) => id))
      const next = all[all.indexOf(api.sentence.id) + by]
      if (next) move(next, 0)
    },
    speed(value) {
      kept.speed = value
      save()
      clips.speed(value)
      if (phase === 'playing' && track.voice.startsWith('device')) go()
      show()
    },
    voices: () => {
      const server = Object.keys(page.voices).filter(name => name !== 'device').map(name => [name, page.voices[name]])
      return [...server, ...device.voices(language).map(voice => [`device:${voice.voiceURI}`, `${voice.name} (${page.voices.device})`])]
    },
    voice(value) {
      kept.voices[language] = value
      delete sorry[language]
      save()
      clearNotice()
      const { id } = api.sentence
      if (api.busy) return start(language, id)
      quiet()
      place(language, book, id, 0)
      if (cards) fill(track, id)
    },
    setSleep,
    // The other language, at the same sentence.
    change() {
      offered = false
      return start(page.language, api.sentence.id)
    },
    close() {
      pause()
      quiet()
      phase = 'idle'
      offered = false
      kept.closed = true
      save()
      show()
    },
  }
  return api
}
