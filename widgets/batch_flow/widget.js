// A line a request: from the batch through W, which all share, on through its own adapter, to its answer.

const HEIGHT = 288, DOT = 12, BASE = 30, SLOT = 22, ROOM = 16 // px; a sign is drawn in a slot of at least ROOM
const mounted = new WeakMap()

const node = (name, values) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value)
  return made
}

class Flow {
  constructor(root) {
    this.root = root
    this.svg = root.querySelector('svg')
    this.resized = new ResizeObserver(() => this.draw())
    this.resized.observe(this.svg)
  }

  update(data) {
    this.data = data
    this.svg.setAttribute('aria-label', data.alt)
    for (const head of this.root.querySelectorAll('[data-part]')) head.textContent = data.text[head.dataset.part]
    this.draw()
  }

  draw() {
    const width = Math.round(this.svg.clientWidth)
    if (!width || !this.data) return
    const { requests, slots } = this.data
    const pitch = HEIGHT / requests.length
    const order = [...slots.keys(), -1] // those without an adapter pass below all others
    const gap = Math.min(4, 60 / order.length)
    const unit = (HEIGHT - gap * (order.length - 1)) / requests.length
    const counts = new Map(order.map(slot => [slot, requests.filter(each => each === slot).length]))
    const tops = new Map()
    let y = 0
    for (const slot of order) {
      tops.set(slot, y)
      y += counts.get(slot) * unit + gap
    }
    const base = width * 0.27, adapters = width * 0.66, end = width - DOT
    const colour = slot => slot < 0 ? 'var(--subtle)' : `var(${slots[slot].colour})`
    const drawn = [], seen = new Map()
    requests.forEach((slot, row) => {
      const at = (row + 0.5) * pitch
      const nth = seen.get(slot) ?? 0
      seen.set(slot, nth + 1)
      const through = tops.get(slot) + (nth + 0.5) * unit
      const out = base + BASE, bend = (adapters - out) / 2, back = (end - adapters - SLOT) / 2
      drawn.push(node('path', {
        d: `M${DOT} ${at}H${out}C${out + bend} ${at} ${adapters - bend} ${through} ${adapters} ${through}H${adapters + SLOT}` +
          `C${adapters + SLOT + back} ${through} ${end - back} ${at} ${end} ${at}`,
        style: `stroke:${colour(slot)}`,
        class: slot < 0 ? 'none' : '',
      }))
      for (const x of [0, end]) {
        drawn.push(node('rect', { x, y: at - pitch * 0.38, width: DOT, height: pitch * 0.76, style: `fill:${colour(slot)}` }))
      }
    })
    drawn.push(node('rect', { x: base, y: 0, width: BASE, height: HEIGHT, rx: 3, class: 'base' }))
    const mark = node('text', { x: base + BASE / 2, y: HEIGHT / 2, class: 'mark' })
    mark.textContent = 'W'
    drawn.push(mark)
    slots.forEach((slot, index) => {
      const top = tops.get(index), height = counts.get(index) * unit
      const style = `fill:${colour(index)}`
      drawn.push(node('rect', { x: adapters, y: top, width: SLOT, height, rx: 1.5, style: 'fill:var(--paper)' }))
      drawn.push(node('rect', { x: adapters, y: top, width: SLOT, height, rx: 1.5, style, class: slot.copy ? 'copy' : '' }))
      if (height < ROOM || slot.copy) return
      const sign = node('text', { x: adapters + SLOT + 10, y: top + height / 2, class: 'sign' })
      sign.textContent = slot.sign
      drawn.push(sign)
    })
    this.svg.replaceChildren(...drawn)
  }

  end() { this.resized.disconnect() }
}

export default function ({ data, parentElement }) {
  const root = parentElement
  let flow = mounted.get(root)
  if (!flow) mounted.set(root, (flow = new Flow(root)))
  flow.update(data)
  return () => {
    flow.end()
    mounted.delete(root)
  }
}
