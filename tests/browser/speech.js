// A stand-in for the voices of a device: window.standIn = { voices, mute }; what it was given to say is window.said.
(() => {
  window.said = []
  let timers = [], now = null
  window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; this.rate = 1; this.lang = '' } }
  const later = (ms, step) => timers.push(setTimeout(step, ms))
  const synthesis = {
    getVoices: () => window.standIn.voices,
    addEventListener() {},
    cancel() {
      timers.forEach(clearTimeout)
      timers = []
      const cut = now
      now = null
      if (cut) setTimeout(() => cut.onerror?.({ error: 'canceled' }))
    },
    speak(utterance) {
      window.said.push(utterance)
      now = utterance
      if (window.standIn.mute) return
      const words = [...utterance.text.matchAll(/\S+/g)], pace = 60 / utterance.rate
      later(20, () => utterance.onstart?.({}))
      words.forEach((word, i) => later(30 + i * pace, () => utterance.onboundary?.({ charIndex: word.index, name: 'word' })))
      later(50 + words.length * pace, () => { if (now === utterance) { now = null; utterance.onend?.({}) } })
    },
  }
  Object.defineProperty(window, 'speechSynthesis', { value: synthesis })
})()
