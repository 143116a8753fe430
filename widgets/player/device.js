// The reader's own device: one utterance a sentence, since some browsers fall silent in long ones.
const PATIENCE = 3000                       // ms a device may take to begin

export function createDevice(on) {
  const speech = globalThis.speechSynthesis
  let turn = 0, timer = 0, saying, begun = 0, mark = 0, char = -1, speed = 1
  speech?.addEventListener?.('voiceschanged', () => on.voices())
  addEventListener('pagehide', () => speech?.cancel())

  const spoken = voice => voice.lang.toLowerCase().split(/[-_]/)[0]

  return {
    voices: language => [...(speech?.getVoices() ?? [])].filter(voice => spoken(voice) === language),
    play(sentence, language, uri, rate) {
      const mine = ++turn, voices = this.voices(language)
      clearTimeout(timer)
      speech.cancel()
      const said = new SpeechSynthesisUtterance(sentence.text || ' ')
      said.voice = voices.find(voice => voice.voiceURI === uri) ?? voices[0] ?? null
      said.lang = said.voice?.lang ?? language
      said.rate = speed = rate
      saying = { sentence, said }           // held: a browser may collect an utterance that nobody holds
      begun = 0
      char = -1
      const now = step => event => { if (mine === turn) step(event) }
      const fail = () => { turn++; clearTimeout(timer); speech.cancel(); on.failed() }
      said.onstart = now(() => { clearTimeout(timer); begun = mark = performance.now(); on.playing() })
      said.onboundary = now(event => { char = event.charIndex; mark = performance.now() })
      said.onerror = now(event => { if (!['canceled', 'interrupted'].includes(event.error)) fail() })
      said.onend = now(() => {
        clearTimeout(timer)
        timer = setTimeout(now(() => on.ended(false)), sentence.pause * 1000 / rate)
      })
      timer = setTimeout(now(fail), PATIENCE)
      speech.speak(said)
    },
    // Pausing is not the same everywhere (on Android it ends the utterance): the sentence begins anew.
    stop() {
      turn++
      clearTimeout(timer)
      if (saying) speech.cancel()
      saying = undefined
    },
    // Seconds into the sentence, as near as the device tells.
    time() {
      if (!saying || !begun) return 0
      const { sentence } = saying, before = char < 0 ? 0 : char / Math.max(1, sentence.text.length) * sentence.duration
      return Math.min(sentence.duration, before + (performance.now() - mark) / 1000 * speed)
    },
    word() {
      if (!saying || char < 0) return
      const found = saying.sentence.map.filter(([start]) => start <= char).at(-1)
      return found && { start: found[2], end: found[3] }
    },
  }
}
