// What the server tells: the chapters of a language, and tracks, which are chapters in one voice.
import { address } from '../shared/address.js'

const TRIES = 6, HELD = 12

export const wait = (ms, one = {}) => new Promise(resolve => { one.wake = resolve; setTimeout(resolve, ms) })

export async function ask(path) {
  for (let n = 1; ; n++) {
    try {
      const answer = await fetch(address(path))
      if (!answer.ok) throw new Error(answer.status)
      return await answer.json()
    } catch (error) {
      if (n === TRIES) throw error
      await wait(200 * n)
    }
  }
}

export function createTracks() {
  const tracks = new Map(), books = new Map(), lengths = new Map()
  const name = one => [one.language, one.voice, one.chapter.id].join()

  function timed(one) {
    let at = 0
    one.starts = one.sentences.map(sentence => (at += sentence.duration) - sentence.duration)
    one.duration = at
    one.version = (one.version ?? 0) + 1
    return one
  }

  return {
    lengths,                                // seconds of the chapters that are made
    chapters(language) {
      if (!books.has(language)) {
        books.set(language, ask(`narration/${language}`).catch(error => { books.delete(language); throw error }))
      }
      return books.get(language)
    },
    // The track of a chapter in a voice; until it is made, its sentences take the time they are expected to.
    of(language, voice, chapter, current) {
      const sentences = chapter.sentences.map(([id, seconds]) => ({ id, duration: seconds, audio: null }))
      const one = { language, voice, chapter, sentences, audio: null, complete: false }, key = name(one)
      if (!tracks.has(key)) tracks.set(key, timed(one))
      for (const old of tracks.keys()) {
        if (tracks.size <= HELD) break
        if (tracks.get(old) !== current && old !== key) tracks.delete(old)
      }
      return tracks.get(key)
    },
    update(one, made) {
      const device = one.voice.startsWith('device')
      one.sentences = made.sentences.map((sentence, i) => {
        const expected = one.sentences[i].duration
        if (device) return { ...one.sentences[i], ...sentence, duration: expected }
        return { ...one.sentences[i], ...sentence, duration: sentence.duration ?? (sentence.audio === '' ? 0 : expected) }
      })
      one.audio = device ? null : made.audio
      one.complete = device || one.sentences.every(sentence => sentence.audio !== null)
      timed(one)
      if (one.audio) lengths.set([one.language, one.chapter.id].join(), one.duration)
    },
    forget: one => tracks.delete(name(one)),
  }
}
