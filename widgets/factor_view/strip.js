// The strip of singular values: bars at equal steps, one a rank, and the cut between them.
import { clamp, count } from '../shared/paint.js'

export function createStrip(strip) {
  const HEIGHT = 240, HEAD = 30, FLOOR = HEIGHT - 26
  const svg = strip.querySelector('svg'), group = svg.querySelector('g'), knob = svg.querySelector('circle')
  const line = svg.querySelector('line'), label = svg.querySelector('.kept')
  const set = (node, values) => { for (const [name, value] of Object.entries(values)) node.setAttribute(name, value) }
  let width = 0, step = 0, bars = []
  return {
    measure() { width = strip.clientWidth },
    draw(values, top, most, named) {
      step = width / most
      set(svg, { viewBox: `0 0 ${width} ${HEIGHT}` })
      const drawn = count(most).map(r => {
        const x = (r - 1) * step + 1.5, side = Math.max(2, step - 3), h = (values[r - 1] || 0) / top * (FLOOR - HEAD)
        const below = named(r) ? `<text x="${x + side / 2}" y="${HEIGHT - 8}">${r}</text>` : ''
        return `<rect x="${x}" y="${FLOOR - h}" width="${side}" height="${h}"/>${below}`
      })
      group.innerHTML = `${drawn.join('')}<line class="axis" x1="0" x2="${width}" y1="${FLOOR}" y2="${FLOOR}"/>`
      bars = [...group.querySelectorAll('rect')]
    },
    cut(rank, words) {
      const x = rank * step, left = x > width / 2
      bars.forEach((bar, i) => bar.classList.toggle('on', i < rank))
      set(line, { x1: x, x2: x, y1: 8, y2: FLOOR })
      set(knob, { cx: clamp(x, 6, width - 6), cy: 8 })
      set(label, { x: x + (left ? -12 : 12), y: 13, 'text-anchor': left ? 'end' : 'start' })
      label.textContent = words
    },
    rankAt(event, most) {
      const box = strip.getBoundingClientRect()
      return Math.ceil(clamp((event.clientX - box.left) / box.width, 0, 1) * most) || 1
    },
  }
}
