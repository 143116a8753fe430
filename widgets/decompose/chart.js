// Errors of all methods over an axis of their own (rank, or numbers stored), on a log scale, with the rank of now.
import { clamp, count } from '../shared/paint.js'

const SVG = 'http://www.w3.org/2000/svg'
const FRAME = { height: 330, top: 34, bottom: 40, left: 44, gap: 17 }

function node(name, values, parent, words = '') {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value)
  made.textContent = words
  parent.append(made)
  return made
}

// Heights pushed apart until no two are nearer than `gap`, in their order and within the frame.
export function spread(heights, gap, least, most) {
  const order = heights.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0])
  let last = least - gap
  for (const each of order) last = each[0] = Math.max(each[0], last + gap)
  let next = most + gap
  for (const each of order.reverse()) next = each[0] = Math.min(each[0], next - gap)
  return order.reduce((placed, [y, i]) => { placed[i] = y; return placed }, [])
}

// Errors that the log axis names, from the whole down to `least`.
export const levels = least => [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005].filter(value => value >= least)

// Shares of the whole that the axis of numbers stored names: at most five, at even steps up to `most`.
export function shares(most) {
  const step = [0.05, 0.1, 0.2, 0.25, 0.5, 1].find(each => most / each <= 5) || 1
  return count(Math.floor(most / step + 1e-9)).map(i => i * step)
}

export function createChart(svg) {
  let X, Y, dots, cut, series
  return {
    // series: [{name, label, x: [k], y: [k], band: [[k], [k]] or null}]; the first is the floor where `floor` is told
    draw({ width, series: given, x, y, floor, titles }) {
      series = given
      const { height, top, bottom, left, gap } = FRAME
      const room = 12 + Math.max(...series.map(each => each.label.length)) * 8, right = width - room
      const [low, high] = [Math.log(y.least), Math.log(y.most)]
      X = value => left + (value - x.least) / (x.most - x.least) * (right - left)
      Y = value => height - bottom - (Math.log(Math.max(value, y.least)) - low) / (high - low) * (height - bottom - top)
      const apart = ticks => ticks.reduceRight((kept, tick) => kept.length && X(kept[0].value) - X(tick.value) < 30 ? kept : [tick, ...kept], [])
      svg.replaceChildren()
      svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
      svg.setAttribute('height', height)
      const points = (xs, ys) => xs.map((value, i) => `${X(value).toFixed(1)},${Y(ys[i]).toFixed(1)}`)
      for (const { value, words } of y.ticks) {
        node('line', { class: 'grid', x1: left, x2: right, y1: Y(value), y2: Y(value) }, svg)
        node('text', { x: left - 8, y: Y(value) + 4, 'text-anchor': 'end' }, svg, words)
      }
      if (floor) {
        const line = points(series[0].x, series[0].y), end = X(series[0].x.at(-1))
        node('polygon', { class: 'floor', points: [...line, `${end},${height - bottom}`, `${X(series[0].x[0])},${height - bottom}`].join(' ') }, svg)
        node('text', { class: 'below-floor', x: left + 10, y: height - bottom - 10 }, svg, floor)
      }
      node('line', { class: 'axis', x1: left, x2: right, y1: height - bottom, y2: height - bottom }, svg)
      for (const { value, words } of apart(x.ticks)) {
        node('line', { class: 'axis', x1: X(value), x2: X(value), y1: height - bottom, y2: height - bottom + 4 }, svg)
        node('text', { x: X(value), y: height - bottom + 18, 'text-anchor': 'middle' }, svg, words)
      }
      node('text', { x: 0, y: 13 }, svg, titles.y)
      node('text', { x: right, y: height - 4, 'text-anchor': 'end' }, svg, titles.x)
      for (const { name, x: xs, band } of series.filter(each => each.band)) {
        const around = [...points(xs, band[0]), ...points(xs, band[1]).reverse()]
        node('polygon', { class: 'band', 'data-m': name, points: around.join(' ') }, svg)
      }
      for (const { name, x: xs, y: ys } of [...series].reverse()) {
        node('polyline', { class: 'line', 'data-m': name, points: points(xs, ys).join(' ') }, svg)
      }
      const ends = series.map(each => Y(each.y.at(-1)))
      const named = spread(ends, gap, top, height - bottom)
      series.forEach(({ name, label, x: xs }, i) => {
        const from = X(xs.at(-1))
        node('path', { class: 'lead', 'data-m': name, d: `M${from + 2},${ends[i]} L${right + 2},${named[i]}` }, svg)
        node('text', { class: 'end', x: right + 6, y: named[i] + 4 }, svg, label)
      })
      cut = node('line', { class: 'cut', y1: top, y2: height - bottom }, svg)
      dots = series.map(({ name }) => node('circle', { class: 'dot', 'data-m': name, r: 4.5 }, svg))
    },
    cut(rank, whole) { // `whole`: one rank is one place on the axis
      const at = X(series[0].x[rank - 1])
      cut.setAttribute('x1', at)
      cut.setAttribute('x2', at)
      cut.style.display = whole ? '' : 'none'
      series.forEach(({ x, y }, i) => {
        dots[i].setAttribute('cx', X(x[rank - 1]))
        dots[i].setAttribute('cy', Y(y[rank - 1]))
      })
    },
    rankAt(event, k) {
      const box = svg.getBoundingClientRect(), first = X(series[0].x[0]), last = X(series[0].x.at(-1))
      const share = last > first ? (event.clientX - box.left - first) / (last - first) : 0
      return Math.round(1 + clamp(share, 0, 1) * (k - 1))
    },
  }
}
