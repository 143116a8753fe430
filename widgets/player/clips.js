// The voices of the server: clips of sentences, and one file a chapter once all of it is made.
import { address } from '../shared/address.js'

const KEPT = 48                             // clips held ready in the browser

export function createClips(on) {
  const audio = document.createElement('audio'), ready = new Map()
  audio.id = 'pradit-audio'
  audio.preload = 'auto'
  audio.hidden = true
  document.body.append(audio)
  let name = '', active = false, base = 0, whole = false, unlocked = false

  audio.addEventListener('playing', () => active && on.playing())
  audio.addEventListener('waiting', () => active && on.waiting())
  audio.addEventListener('ended', () => active && on.ended(whole))
  audio.addEventListener('error', () => active && fail())
  audio.addEventListener('pause', () => { if (active && audio.paused && !audio.ended) on.paused() })
  audio.addEventListener('timeupdate', () => active && on.time())

  const fail = () => { name = ''; on.failed() }

  return {
    audio,
    // Hold a clip ready, so that it follows the one before without a gap.
    async fetch(key) {
      if (!key || ready.has(key)) return
      ready.set(key, '')
      try {
        const answer = await fetch(address(`audio/${key}.mp3`))
        if (!answer.ok) throw new Error(answer.status)
        ready.set(key, URL.createObjectURL(await answer.blob()))
      } catch {
        ready.delete(key)
      }
      for (const [old, url] of ready) {
        if (ready.size <= KEPT) break
        if (old === key || old === name || !url) continue
        ready.delete(old)
        URL.revokeObjectURL(url)
      }
    },
    // Some browsers let a page make sound only while it is being pressed: half a moment of silence, at once.
    unlock() {
      if (unlocked || name) return
      unlocked = true
      const bytes = new Uint8Array(46), view = new DataView(bytes.buffer)
      for (const [at, text] of [[0, 'RIFF'], [8, 'WAVEfmt '], [36, 'data']]) {
        for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
      }
      for (const [at, value] of [[4, 38], [16, 16], [24, 8000], [28, 16000], [40, 2]]) view.setUint32(at, value, true)
      for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) view.setUint16(at, value, true)
      audio.src = URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' }))
      audio.play().catch(() => {})
    },
    // Play a file from `at` seconds on; `from` is where it begins in its chapter.
    play(key, at, from, all, speed) {
      active = true
      base = from
      whole = all
      if (key !== name) {
        name = key
        audio.src = ready.get(key) || address(`audio/${key}.mp3`)
      }
      if (audio.ended || Math.abs(audio.currentTime - at) > 0.02) audio.currentTime = at
      this.speed(speed)
      audio.play().catch(error => { if (error.name === 'NotAllowedError') on.paused() })
    },
    speed(value) {
      audio.defaultPlaybackRate = audio.playbackRate = value
    },
    pause() { audio.pause() },
    // The time in the chapter, and whether the whole chapter is one file.
    time: () => base + audio.currentTime,
    whole: () => whole,
    // Silence that is not the reader's wish: nothing is told of it.
    forget() {
      active = false
      if (name) audio.pause()
    },
  }
}
