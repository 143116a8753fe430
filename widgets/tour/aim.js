// What the tour points at. Layout is never read in a script: an IntersectionObserver says where the control and the
// card stand when the browser has laid out its frame anyway, and the ring is the control's own outline.

const TICK = 250 // ms between two looks
const RESTING = 2 // looks in a row at which the control stands still before it is brought into view
const PATIENCE = 6000 // ms after which the page is left where it is, from the moment its control is there
const FAR = 1.5 // windows of way that are jumped, not glided: what lies between need not be drawn
const ABOVE = 80, BELOW = 16 // px of the window that the bar takes, and that stay free under a control
const RING = { outline: '3px solid var(--accent)', 'outline-offset': '5px' }
const calm = matchMedia('(prefers-reduced-motion: reduce)')

/** A control, also inside a component's shadow root; null while its page is not there yet. */
export function found(selector) {
  const [outer, inner] = selector.split(' >>> ')
  for (const place of document.querySelectorAll(outer)) {
    if (!inner) return place
    for (const host of [place, ...place.querySelectorAll('*')]) {
      const control = host.shadowRoot?.querySelector(inner)
      if (control) return control
    }
  }
  return null
}

/** Whether the card hides a part of the control. */
export const covers = (card, box) =>
  box.left < card.right + BELOW && box.right > card.left - BELOW && box.top < card.bottom + BELOW && box.bottom > card.top - BELOW

/** Where elements stand, told once with the next frame. */
function boxes(elements) {
  return new Promise(resolve => {
    const seen = new Map()
    const look = new IntersectionObserver(entries => {
      for (const entry of entries) seen.set(entry.target, entry.boundingClientRect)
      if (seen.size < elements.length) return
      look.disconnect()
      resolve(elements.map(element => seen.get(element)))
    })
    elements.forEach(element => look.observe(element))
  })
}

/** Rings the control of a step wherever the page puts it, and brings it into view at most once. */
export class Aim {
  /**
   * @param card the card, which stands at the bottom, and with the class `up` at the top
   * @param told called with whether there is a control to be used, whenever that changes
   */
  constructor(card, told) {
    this.card = card
    this.told = told
    const own = () => { this.moved = true } // who scrolls knows where to look
    this.over = new AbortController()
    for (const kind of ['wheel', 'touchmove', 'keydown']) {
      document.addEventListener(kind, own, { passive: true, capture: true, signal: this.over.signal })
    }
  }

  at(selector) {
    if (selector === this.selector) return
    this.leave()
    this.selector = selector
    this.since = undefined
    this.moved = false
    this.still = 0
    this.card.classList.remove('up')
    this.tell(false)
    this.look(this.turn = {})
  }

  async look(turn) {
    const control = found(this.selector)
    if (control !== this.control) this.hold(control)
    if (control) {
      const [box, card] = await boxes([control, this.card])
      if (this.turn !== turn) return
      this.tell(box.width > 0)
      this.still = this.box && Math.abs(box.top - this.box.top) < 1 && box.width === this.box.width ? this.still + 1 : 0
      this.box = box
      if (box.width) this.since ??= performance.now()
      if (box.width && this.still >= RESTING) this.bring(box, card)
    } else this.tell(false)
    this.timer = setTimeout(() => this.look(turn), TICK)
  }

  /** Of a control at rest: in view it only makes the card give way; else the page scrolls, once in a step. */
  bring(box, card) {
    if (box.top >= ABOVE && box.bottom <= innerHeight - BELOW) {
      if (covers(card, box)) this.card.classList.toggle('up', box.top + box.bottom > innerHeight)
    } else if (!this.moved && performance.now() - this.since < PATIENCE) {
      const by = (box.top + box.bottom - ABOVE - (innerHeight - card.height - 2 * BELOW)) / 2
      const behavior = calm.matches || Math.abs(by) > FAR * innerHeight ? 'instant' : 'smooth'
      document.querySelector('[data-testid="stMain"]').scrollBy({ top: by, behavior })
      this.moved = true
    }
  }

  hold(control) {
    this.release()
    this.control = control
    for (const [name, value] of Object.entries(RING)) control?.style.setProperty(name, value, 'important')
  }

  release() {
    for (const name of Object.keys(RING)) this.control?.style.removeProperty(name)
    this.control = this.box = undefined
  }

  tell(there) {
    if (there !== this.there) this.told(this.there = there)
  }

  leave() {
    clearTimeout(this.timer)
    this.release()
    this.selector = this.there = this.turn = undefined
  }

  end() {
    this.leave()
    this.over.abort()
  }
}
