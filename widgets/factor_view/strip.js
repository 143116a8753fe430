// The singular values: a bar for each rank, over the place of the slider's thumb at that rank.
import { clamp, count } from '../shared/paint.js'

const THUMB = 18 // px of the slider's thumb, whose middle stays half of it inside the track

export function createStrip(strip) {
  const svg = strip.querySelector('svg'), group = svg.querySelector('g')
  let width = 0, height = 0, places = [], bars = []
  const x = at => THUMB / 2 + at * (width - THUMB)
  return {
    measure() { width = strip.clientWidth; height = svg.clientHeight || 64 },
    /** values[r − 1] is drawn at places[r − 1], from 0 to 1 along the slider. */
    draw(values, top, at) {
      places = at
      svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
      const drawn = count(at.length).map(r => {
        const near = Math.min(...[r - 2, r].filter(k => at[k] !== undefined).map(k => Math.abs(x(at[k]) - x(at[r - 1]))))
        const side = clamp(near - 3, 1.5, 14), h = (values[r - 1] || 0) / top * Math.max(0, height - 2)
        return `<rect x="${x(at[r - 1]) - side / 2}" y="${height - h}" width="${side}" height="${h}"/>`
      })
      group.innerHTML = drawn.join('')
      bars = [...group.querySelectorAll('rect')]
    },
    cut(rank) { bars.forEach((bar, i) => bar.classList.toggle('on', i < rank)) },
    rankAt(event) {
      const box = strip.getBoundingClientRect(), at = (event.clientX - box.left - THUMB / 2) / (box.width - THUMB)
      return places.reduce((best, place, i) => Math.abs(place - at) < Math.abs(places[best - 1] - at) ? i + 1 : best, 1)
    },
  }
}
