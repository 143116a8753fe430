// The waveform: what the audio measures, twenty values a second; a low line where nothing is made yet.
const FINE = 20, UNMADE = 0.04

export function peaksOf(track) {
  if (track.drawn === track.version) return track.wave
  const wave = new Float32Array(Math.max(1, Math.round(track.duration * FINE))).fill(UNMADE)
  track.sentences.forEach((sentence, i) => {
    if (sentence.peaks) wave.set(sentence.peaks.slice(0, Math.max(0, wave.length - Math.round(track.starts[i] * FINE))), Math.round(track.starts[i] * FINE))
  })
  const most = wave.reduce((a, b) => Math.max(a, b), 0.1)
  track.wave = wave.map(value => Math.min(1, value / Math.max(most, 0.2)))
  track.drawn = track.version
  track.bars = {}
  return track.wave
}

// `count` bars: the loudest moment of each stretch.
export function barsOf(track, count) {
  const wave = peaksOf(track)
  return track.bars[count] ??= Array.from({ length: count }, (_, i) => {
    const from = Math.floor(i * wave.length / count), to = Math.max(from + 1, Math.floor((i + 1) * wave.length / count))
    return wave.subarray(from, to).reduce((a, b) => Math.max(a, b), 0)
  })
}

export function drawWave(canvas, track, time, { step, cursor }) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight
  if (!width) return
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio)
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d'), style = getComputedStyle(canvas)
  const count = Math.max(8, Math.floor(width / step)), bars = barsOf(track, count), pitch = width / count
  const [done, ahead, ink] = ['--card-accent', '--card-wave', '--card-ink'].map(name => style.getPropertyValue(name))
  const share = track.duration ? time / track.duration : 0
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  bars.forEach((bar, i) => {
    const tall = Math.max(2, bar * height * 0.94), thick = Math.max(1.6, pitch * 0.56)
    context.fillStyle = (i + 0.5) / count < share ? done : ahead
    context.beginPath()
    context.roundRect(i * pitch, (height - tall) / 2, thick, tall, thick / 2)
    context.fill()
  })
  if (!cursor) return
  context.fillStyle = ink
  context.fillRect(Math.min(width - 1.5, Math.max(0, share * width - 0.75)), 0, 1.5, height)
}
