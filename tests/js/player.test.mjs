import assert from 'node:assert/strict'
import test from 'node:test'

import { createClips } from '../../widgets/player/clips.js'
import { createDevice } from '../../widgets/player/device.js'
import { createStore } from '../../widgets/player/store.js'
import { createTracks } from '../../widgets/player/tracks.js'
import { barsOf, peaksOf } from '../../widgets/player/wave.js'
import { clock } from '../../widgets/player/widget.js'

const CHAPTER = { id: 'why', sentences: [['why-1', 2], ['why-2', 3], ['why-3', 1]] }
const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-6, `${one} is not ${other}`)

// ---- tracks ----

test('until it is made a track takes the time it is expected to', () => {
  const tracks = createTracks(), one = tracks.of('en', 'builtin', CHAPTER)
  assert.deepEqual(one.starts, [0, 2, 5])
  assert.equal(one.duration, 6)
  assert.equal(tracks.of('en', 'builtin', CHAPTER), one)
  assert.notEqual(tracks.of('en', 'device', CHAPTER), one)
})

test('what is made moves the starts, and a silent sentence takes no time', () => {
  const tracks = createTracks(), one = tracks.of('en', 'builtin', CHAPTER), version = one.version
  tracks.update(one, { audio: null, sentences: [{ audio: 'a', duration: 2.5 }, { audio: '' }, { audio: null }] })
  assert.deepEqual(one.starts, [0, 2.5, 2.5])
  assert.equal(one.duration, 3.5)
  assert.equal(one.complete, false)
  assert.equal(one.version, version + 1)
  assert.equal(tracks.lengths.size, 0)
  tracks.update(one, { audio: 'whole', sentences: [{}, {}, { audio: 'c', duration: 0.5 }] })
  assert.equal(one.complete, true)
  near(tracks.lengths.get('en,why'), 3)
})

test("a device's track is complete at once and keeps the expected times", () => {
  const tracks = createTracks(), one = tracks.of('th', 'device:x', CHAPTER)
  tracks.update(one, { audio: 'whole', sentences: [{ text: 'a', duration: 9 }, { text: 'b' }, { text: 'c' }] })
  assert.deepEqual([one.complete, one.audio, one.duration], [true, null, 6])
  assert.equal(one.sentences[0].text, 'a')
})

test('twelve tracks are held, and the one that plays is never let go', () => {
  const tracks = createTracks(), playing = tracks.of('en', 'builtin', CHAPTER)
  for (let i = 0; i < 30; i++) tracks.of('en', 'builtin', { ...CHAPTER, id: `c${i}` }, playing)
  assert.equal(tracks.of('en', 'builtin', CHAPTER, playing), playing)
  const first = tracks.of('en', 'builtin', { ...CHAPTER, id: 'c29' }, playing)
  tracks.forget(first)
  assert.notEqual(tracks.of('en', 'builtin', { ...CHAPTER, id: 'c29' }, playing), first)
})

// ---- the waveform ----

const made = () => {
  const tracks = createTracks(), one = tracks.of('en', 'builtin', CHAPTER)
  tracks.update(one, { audio: null, sentences: [{ audio: 'a', duration: 2, peaks: Array(40).fill(0.5) }, { audio: null }, { audio: null }] })
  return [tracks, one]
}

test('the wave is loud where it is made, low where it is not, and its loudest is the whole height', () => {
  const [, one] = made(), wave = peaksOf(one)
  assert.equal(wave.length, 120) // six seconds, twenty a second
  assert.ok(wave.slice(0, 40).every(value => value === 1))
  assert.ok(wave.slice(40).every(value => value > 0 && value < 0.1))
  assert.equal(peaksOf(one), wave)
})

test('a bar is the loudest of its stretch, and what is drawn is renewed with the track', () => {
  const [tracks, one] = made()
  assert.equal(barsOf(one, 6).length, 6)
  assert.deepEqual(barsOf(one, 3).map(bar => bar > 0.5), [true, false, false])
  assert.equal(barsOf(one, 500).length, 500) // more bars than values
  tracks.update(one, { audio: null, sentences: [{}, { audio: 'b', duration: 3, peaks: Array(60).fill(1) }, {}] })
  assert.deepEqual(barsOf(one, 6).map(bar => bar > 0.9), [false, false, true, true, true, false])
})

test('peaks that are longer than their track are cut off', () => {
  const tracks = createTracks(), one = tracks.of('en', 'builtin', { id: 'x', sentences: [['x-1', 1]] })
  tracks.update(one, { audio: 'a', sentences: [{ audio: 'a', duration: 1, peaks: Array(50).fill(0.3) }] })
  assert.equal(peaksOf(one).length, 20)
})

test('a clock counts minutes and whole seconds', () => {
  assert.deepEqual([-1, 0, 9.99, 60, 61.2, 3599.9999999].map(clock), ['0:00', '0:00', '0:09', '1:00', '1:01', '60:00'])
})

// ---- clips ----

function sounding() {
  const heard = [], listeners = {}
  const audio = {
    currentTime: 0, paused: true, ended: false, src: '',
    addEventListener: (type, listener) => { listeners[type] = listener },
    play() { this.paused = false; return Promise.resolve() },
    pause() { this.paused = true; listeners.pause?.() },
  }
  globalThis.document = { baseURI: 'http://here/pradit/', createElement: () => audio, body: { append() {} } }
  const on = Object.fromEntries(['playing', 'waiting', 'ended', 'failed', 'paused', 'time'].map(name => [name, value => heard.push([name, value])]))
  return { clips: createClips(on), audio, heard, listeners }
}

test('a clip plays from its place, tells the time in its chapter, and comes from where the app is served', () => {
  const { clips, audio, heard, listeners } = sounding()
  listeners.playing() // nothing of ours yet
  assert.deepEqual(heard, [])
  clips.play('k1', 1.5, 20, false, 1.25)
  assert.equal(audio.src, 'http://here/pradit/audio/k1.mp3')
  assert.deepEqual([audio.currentTime, audio.playbackRate, audio.paused], [1.5, 1.25, false])
  assert.equal(clips.time(), 21.5)
  listeners.ended()
  assert.deepEqual(heard.at(-1), ['ended', false])
  audio.src = 'kept'
  clips.play('k1', 0, 20, false, 1)
  assert.equal(audio.src, 'kept', 'the same clip is not fetched again')
})

test('silence that is not the wish of the reader is not told', () => {
  const { clips, audio, heard } = sounding()
  clips.play('k1', 0, 0, true, 1)
  clips.forget()
  assert.ok(audio.paused)
  assert.deepEqual(heard, [])
})

// ---- the device's own voice ----

test('a device is silent on failure, says the sentence anew, and knows its word', async () => {
  const heard = [], spoken = []
  globalThis.speechSynthesis = { getVoices: () => [{ lang: 'th_TH', voiceURI: 'a' }, { lang: 'en-US', voiceURI: 'b' }], cancel() {}, speak: one => spoken.push(one), addEventListener() {} }
  globalThis.SpeechSynthesisUtterance = class { constructor(text) { this.text = text } }
  globalThis.addEventListener ??= () => {}
  const on = Object.fromEntries(['playing', 'ended', 'failed', 'voices'].map(name => [name, value => heard.push([name, value])]))
  const device = createDevice(on)
  assert.deepEqual(device.voices('th').map(voice => voice.voiceURI), ['a'])
  const sentence = { text: 'one two', duration: 4, pause: 0, map: [[0, 3, 0, 3], [4, 7, 8, 11]] }
  device.play(sentence, 'en', 'missing', 1.5)
  const [said] = spoken
  assert.deepEqual([said.voice.voiceURI, said.lang, said.rate], ['b', 'en-US', 1.5])
  assert.equal(device.time(), 0)
  said.onstart()
  said.onboundary({ charIndex: 4 })
  assert.deepEqual(device.word(), { start: 8, end: 11 })
  assert.ok(device.time() >= 4 * 4 / 7 && device.time() <= 4)
  said.onend()
  await new Promise(done => setTimeout(done, 10))
  assert.deepEqual(heard, [['playing', undefined], ['ended', false]])
  device.play(sentence, 'en', 'b', 1)
  said.onerror({ error: 'network' }) // of the sentence before: nothing of ours any more
  spoken[1].onerror({ error: 'interrupted' })
  assert.equal(heard.length, 2)
  spoken[1].onerror({ error: 'network' })
  assert.deepEqual(heard.at(-1), ['failed', undefined])
  device.stop()
  assert.equal(device.time(), 0)
})

// ---- what the browser keeps ----

test('what was kept is trusted only as far as it makes sense', () => {
  const shelf = {}
  globalThis.localStorage = { getItem: key => shelf[key] ?? null, setItem: (key, value) => { shelf[key] = value } }
  assert.deepEqual(createStore().value, { voices: {}, places: {}, speed: 1, last: '', closed: false })
  shelf['pradit.player'] = JSON.stringify({ speed: 99, voices: 'x', places: { en: { sentence: 'a' } }, closed: 'yes', last: 3 })
  assert.deepEqual(createStore().value, { voices: {}, places: { en: { sentence: 'a' } }, speed: 1, last: '', closed: false })
  const store = createStore()
  store.value.speed = 1.5
  store.save()
  assert.equal(createStore().value.speed, 1.5)
  shelf['pradit.player'] = '{'
  assert.equal(createStore().value.speed, 1)
})
