// Matrices painted on canvases: signed ones on the diverging scale (zero is the paper), magnitudes on the sequential one.

const dark = matchMedia('(prefers-color-scheme: dark)')
const STOPS = { div: 9, seq: 7 }
const mounted = new WeakMap()

const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)

/** 256 colours of a scale, as the page's tokens give them now. */
function ramp(palette) {
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const tokens = getComputedStyle(document.documentElement)
  const stops = Array.from({ length: STOPS[palette] }, (_, i) => {
    probe.fillStyle = tokens.getPropertyValue(`--${palette}-${i}`).trim()
    probe.fillRect(0, 0, 1, 1)
    return probe.getImageData(0, 0, 1, 1).data
  })
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1)
    const low = Math.min(Math.floor(at), stops.length - 2)
    const [r, g, b] = [0, 1, 2].map(k => Math.round(stops[low][k] + (stops[low + 1][k] - stops[low][k]) * (at - low)))
    return (255 << 24) | (b << 16) | (g << 8) | r
  })
}

function paint(canvas, item, limit, palette, colours) {
  const values = floats(item.data)
  canvas.width = item.cols
  canvas.height = item.rows
  const context = canvas.getContext('2d')
  const image = context.createImageData(item.cols, item.rows)
  const pixels = new Uint32Array(image.data.buffer)
  const low = palette === 'div' ? -limit : 0
  for (let i = 0; i < pixels.length; i++) {
    const share = limit > 0 ? (values[i] - low) / (limit - low) : palette === 'div' ? 0.5 : 0
    pixels[i] = colours[Math.max(0, Math.min(255, Math.round(share * 255)))]
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
    const colours = ramp(palette)
    items.forEach((item, i) => {
      const [canvas, below] = this.list.children[i].children
      const side = Math.min(width / item.cols, height / item.rows) // px of one entry
      canvas.style.width = `${item.cols * side}px`
      canvas.style.aspectRatio = `${item.cols} / ${item.rows}`
      canvas.setAttribute('aria-label', item.alt)
      below.replaceChildren(...caption(item))
      below.hidden = !below.childElementCount
      paint(canvas, item, limit, palette, colours)
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
