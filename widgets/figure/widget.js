// A Plotly chart that is updated where it stands: one node for the life of the page, Plotly.react on it.
import { address } from '../shared/address.js'
import { dropped, inTurn } from './queue.js'
import { save, separated } from '../shared/save.js'

const NARROW = 480 // px of chart width below which the figure's `narrow` layout is laid over its layout
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false, showAxisDragHandles: false }
const dark = matchMedia('(prefers-color-scheme: dark)')
const mounted = new WeakMap()

/** The library, fetched once for the document. */
function plotly() {
  window.praditPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = address('vendor/plotly.min.js')
    script.onload = () => setTimeout(() => resolve(window.Plotly)) // drawing is a task of its own
    script.onerror = () => { window.praditPlotly = undefined; reject(new Error(script.src)) }
    document.head.append(script)
  })
  return window.praditPlotly
}

/** A copy of the figure in which every `var(--token)` is the token's value in the scheme of now. */
export function resolved(value, tokens) {
  if (typeof value === 'string') {
    return value.replace(/var\((--[\w-]+)\)/g, (_, name) => tokens.getPropertyValue(name).trim())
  }
  if (Array.isArray(value)) return value.map(each => resolved(each, tokens))
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each, tokens)]))
  }
  return value
}

const isPlain = value => value && typeof value === 'object' && !Array.isArray(value)

export function laidOver(base, over) {
  const both = { ...base }
  for (const [key, value] of Object.entries(over ?? {})) {
    both[key] = isPlain(value) && isPlain(base[key]) ? laidOver(base[key], value) : value
  }
  return both
}

class Figure {
  constructor(root) {
    this.root = root
    this.plot = root.querySelector('.pradit-figure-plot')
    this.draw = this.draw.bind(this)
    this.resized = new ResizeObserver(() => { if (Math.round(this.plot.clientWidth) !== this.width) this.ask() })
    this.resized.observe(this.plot)
    this.sight = new IntersectionObserver(entries => { this.seen = entries.at(-1).isIntersecting })
    this.sight.observe(this.plot)
    dark.addEventListener('change', this.draw)
    document.fonts.ready.then(() => this.ask()) // text is measured for the margins
  }

  update(data) {
    const json = JSON.stringify(data.spec)
    this.plot.setAttribute('aria-label', data.alt)
    this.plot.style.minHeight = `${data.spec.layout.height}px` // room is kept before the library arrives
    if (json !== this.json) {
      this.json = json
      this.spec = data.spec
      this.ask()
    }
    this.table(data.table, data.text)
    this.offer(data)
  }

  /** Buttons that save the chart as it stands, and its numbers. */
  offer({ name, table, text }) {
    const [svg, csv] = this.root.querySelectorAll('.pradit-figure-save button')
    csv.hidden = !table
    svg.title = svg.ariaLabel = text.svg
    csv.title = csv.ariaLabel = text.csv
    svg.onclick = async () => {
      const { width, height } = this.plot.getBoundingClientRect()
      const image = await (await plotly()).toImage(this.plot, { format: 'svg', width, height })
      save(decodeURIComponent(image.slice(image.indexOf(',') + 1)), `${name}.svg`, 'image/svg+xml')
    }
    csv.onclick = () => save(separated(table), `${name}.csv`, 'text/csv')
  }

  /** The first time in its turn; from then on with the next frame, as its data grow while it is looked at. */
  ask() {
    if (this.plot.dataset.drawn) this.frame ??= requestAnimationFrame(this.draw)
    else inTurn(this)
  }

  async draw() {
    this.frame = undefined
    let library
    try {
      library = await plotly()
    } catch {
      return // the table below says the same; the next update tries again
    }
    if (this.gone || !this.plot.isConnected || !this.spec) return
    this.width = Math.round(this.plot.clientWidth)
    if (!this.width) return
    const tokens = getComputedStyle(document.documentElement)
    const { data, layout, narrow } = this.spec
    const shape = this.width < NARROW ? laidOver(layout, narrow) : layout
    await library.react(this.plot, resolved(data, tokens), { ...resolved(shape, tokens), width: this.width }, CONFIG)
    if (this.width < NARROW) this.keep()
    this.plot.dataset.drawn = String(1 + Number(this.plot.dataset.drawn ?? 0))
  }

  /** Moves a title that is longer than its axis back into the picture. */
  keep() {
    const frame = this.plot.getBoundingClientRect()
    for (const title of this.plot.querySelectorAll('.annotation')) {
      title.removeAttribute('transform')
      const box = title.getBoundingClientRect()
      const by = Math.max(0, frame.left - box.left) + Math.min(0, frame.right - box.right)
      if (by) title.setAttribute('transform', `translate(${by})`)
    }
  }

  table(table, text) {
    const details = this.root.querySelector('details')
    details.hidden = !table
    if (!table) return
    details.querySelector('summary').textContent = text.table
    details.querySelector('.pradit-figure-scroll').setAttribute('aria-label', text.table)
    const json = JSON.stringify(table)
    if (json === this.tableJson) return
    this.tableJson = json
    const row = (cells, tag) => {
      const tr = document.createElement('tr')
      tr.append(...cells.map((cell, i) => {
        const td = document.createElement(tag === 'th' || i === 0 ? 'th' : 'td')
        td.scope = tag === 'th' ? 'col' : i === 0 ? 'row' : ''
        if (!td.scope) td.removeAttribute('scope')
        td.textContent = cell
        return td
      }))
      return tr
    }
    const head = document.createElement('thead')
    head.append(row(table.head, 'th'))
    const body = document.createElement('tbody')
    body.append(...table.rows.map(cells => row(cells, 'td')))
    details.querySelector('table').replaceChildren(head, body)
  }

  end() {
    this.gone = true
    cancelAnimationFrame(this.frame)
    dropped(this)
    this.resized.disconnect()
    this.sight.disconnect()
    dark.removeEventListener('change', this.draw)
    window.Plotly?.purge(this.plot)
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector('.pradit-figure')
  let figure = mounted.get(root)
  if (!figure) mounted.set(root, (figure = new Figure(root)))
  figure.update(data)
  return () => {
    figure.end()
    mounted.delete(root)
  }
}
