// Matrices painted on canvases: signed ones on the diverging scale (zero is the paper), magnitudes on the sequential one.
import { colours, floats } from '../shared/paint.js'

const dark = matchMedia('(prefers-color-scheme: dark)')
const mounted = new WeakMap()

export function paint(canvas, item, limit, palette, table) {
  const values = floats(item.data)
  canvas.width = item.cols
  canvas.height = item.rows
  const context = canvas.getContext('2d')
  const image = context.createImageData(item.cols, item.rows)
  const pixels = new Uint32Array(image.data.buffer)
  const low = palette === 'div' ? -limit : 0
  for (let i = 0; i < pixels.length; i++) {
    const share = limit > 0 ? (values[i] - low) / (limit - low) : palette === 'div' ? 0.5 : 0
    pixels[i] = table[Math.max(0, Math.min(255, Math.round(share * 255)))]
  }
  context.putImageData(image, 0, 0)
}

function caption(item) {
  const parts = []
  if (item.title) {
    const title = document.createElement('b')
    title.textContent = item.title
    parts.push(title)
  }
  for (const line of item.lines ?? []) {
    const span = document.createElement('span')
    span.textContent = line.text
    if (line.right !== null) {
      span.dataset.mark = line.right ? '✓' : '✗'
      span.classList.toggle('wrong', !line.right)
    }
    parts.push(span)
  }
  return parts
}

class Heatmaps {
  constructor(root) {
    this.root = root
    this.list = root.querySelector('.heatmaps')
    this.repaint = () => this.paint()
    dark.addEventListener('change', this.repaint)
  }

  update(data) {
    const json = JSON.stringify(data)
    if (json === this.json) return
    this.json = json
    this.data = data
    while (this.list.children.length > data.items.length) this.list.lastChild.remove()
    while (this.list.children.length < data.items.length) {
      const figure = document.createElement('figure')
      figure.setAttribute('role', 'listitem')
      const canvas = document.createElement('canvas')
      canvas.setAttribute('role', 'img')
      figure.append(canvas, document.createElement('figcaption'))
      this.list.append(figure)
    }
    this.list.setAttribute('aria-label', data.label)
    this.list.style.setProperty('--least', data.least)
    const scale = this.root.querySelector('.scale')
    scale.hidden = !data.low
    scale.className = `scale ${data.palette}`
    scale.querySelector('.low').textContent = data.low
    scale.querySelector('.high').textContent = data.high
    this.paint()
  }

  paint() {
    const { items, limit, palette, width, height } = this.data
    const table = colours(document.documentElement, palette)
    items.forEach((item, i) => {
      const [canvas, below] = this.list.children[i].children
      const side = Math.min(width / item.cols, height / item.rows) // px of one entry
      canvas.style.width = `${item.cols * side}px`
      canvas.style.aspectRatio = `${item.cols} / ${item.rows}`
      canvas.setAttribute('aria-label', item.alt)
      below.replaceChildren(...caption(item))
      below.hidden = !below.childElementCount
      paint(canvas, item, limit, palette, table)
    })
    this.list.dataset.painted = String(1 + Number(this.list.dataset.painted ?? 0))
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement
  let heatmaps = mounted.get(root)
  if (!heatmaps) mounted.set(root, (heatmaps = new Heatmaps(root)))
  heatmaps.update(data)
  return () => {
    dark.removeEventListener('change', heatmaps.repaint)
    mounted.delete(root)
  }
}
