// The tour lives in the document and in the tab's own memory: pages come and go beneath it.
import { address } from '../shared/address.js'

const HERE = 'pradit-tour' // in sessionStorage: the step it stands at
const START = 'pradit-tour-start' // the event of the button
const SWEEP = 1600 // ms that a control takes through its range
const SETTLING = 2500, AGAIN = 600 // ms in which the control is brought into view, and between two attempts
const ABOVE = 80, BELOW = 260 // px of the window that the bar and the card cover
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const cards = new WeakMap()

/** A control, also inside a component's shadow root; null while its page is not there yet. */
function found(selector) {
  const [outer, inner] = selector.split(' >>> ')
  const place = document.querySelector(outer)
  if (!place || !inner) return place
  for (const host of [place, ...place.querySelectorAll('*')]) {
    const control = host.shadowRoot?.querySelector(inner)
    if (control) return control
  }
  return null
}

/** Move a slider to its end, back to its start, and home, as a hand would. */
function sweep(slider) {
  const home = Number(slider.value), low = Number(slider.min || 0), high = Number(slider.max || 100)
  const began = performance.now()
  const say = (value, kind) => {
    slider.value = String(value)
    slider.dispatchEvent(new Event(kind, { bubbles: true, composed: true }))
  }
  if (calm.matches) {
    say(low, 'input')
    return say(low, 'change')
  }
  const move = now => {
    const part = Math.min(1, (now - began) / SWEEP)
    const at = part < .35 ? home + (high - home) * part / .35 : part < .75 ? high + (low - high) * (part - .35) / .4 : low + (home - low) * (part - .75) / .25
    say(Math.round(at), 'input')
    if (part < 1) requestAnimationFrame(move)
    else say(home, 'change')
  }
  requestAnimationFrame(move)
}

class Card {
  constructor(root, setTriggerValue) {
    this.root = root
    this.find = selector => root.querySelector(selector)
    this.card = this.find('.card')
    this.ring = this.find('.ring')
    this.follow = this.follow.bind(this)
    this.begin = () => this.go(0)
    this.key = event => { if (event.key === 'Escape' && !this.card.hidden && !document.querySelector('dialog[open]')) this.leave() }
    document.addEventListener(START, this.begin)
    document.addEventListener('keydown', this.key)
    this.find('.leave').onclick = () => this.leave()
    this.find('.back').onclick = () => this.go(this.step - 1)
    this.find('.next').onclick = () => (this.step + 1 < this.stops.length ? this.go(this.step + 1) : this.leave())
    this.find('.do').onclick = () => this.act()
    this.lead = page => setTriggerValue('page', page)
  }

  update(data) {
    this.stops = data.stops
    this.text = data.text
    const step = sessionStorage.getItem(HERE)
    if (step !== null && Number(step) < this.stops.length) this.show(Number(step))
    else this.hide()
  }

  go(step) {
    sessionStorage.setItem(HERE, step)
    const { page, path } = this.stops[step]
    this.show(step)
    this.card.focus({ preventScroll: true })
    if (new URL(address(path || '.')).pathname !== location.pathname) this.lead(page)
  }

  show(step) {
    const stop = this.stops[step], last = step + 1 === this.stops.length
    this.step = step
    this.card.ariaLabel = this.text.label
    this.find('.label').textContent = this.text.step.replace('{n}', step + 1).replace('{of}', this.stops.length)
    this.find('h2').textContent = stop.title
    this.find('.text').textContent = stop.text
    this.find('.do').textContent = stop.do
    this.find('.leave').textContent = this.text.leave
    this.find('.leave').hidden = last
    this.find('.back').textContent = this.text.back
    this.find('.back').hidden = step === 0
    this.find('.next').textContent = last ? this.text.done : this.text.next
    this.card.hidden = false
    this.aimed = this.since = undefined
    cancelAnimationFrame(this.frame)
    this.follow()
  }

  /** Keep the ring around the control, wherever the page moves it. */
  follow() {
    this.frame = requestAnimationFrame(this.follow)
    const control = found(this.stops[this.step].target)
    const box = control?.getBoundingClientRect()
    this.ring.hidden = !box?.width
    this.find('.do').disabled = this.ring.hidden
    if (this.ring.hidden) return
    const now = performance.now()
    this.since ??= now
    // A page that is still being put together moves the control away again.
    if (now - this.since < SETTLING && !(now - this.aimed < AGAIN) && (box.top < ABOVE || box.bottom > innerHeight - BELOW)) {
      this.aimed = now
      control.scrollIntoView({ block: 'center', behavior: calm.matches ? 'auto' : 'smooth' })
    }
    const around = 8
    Object.assign(this.ring.style, {
      left: `${box.left - around}px`, top: `${box.top - around}px`,
      width: `${box.width + 2 * around}px`, height: `${box.height + 2 * around}px`,
    })
  }

  act() {
    const stop = this.stops[this.step], control = found(stop.target)
    if (!control) return
    if (stop.act === 'press') control.click()
    else sweep(control)
  }

  leave() {
    sessionStorage.removeItem(HERE)
    this.hide()
  }

  hide() {
    cancelAnimationFrame(this.frame)
    this.card.hidden = this.ring.hidden = true
  }

  end() {
    cancelAnimationFrame(this.frame)
    document.removeEventListener(START, this.begin)
    document.removeEventListener('keydown', this.key)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (data.form === 'button') {
    parentElement.querySelectorAll('.card, .ring').forEach(node => node.remove())
    const button = parentElement.querySelector('.start')
    button.textContent = data.label
    button.hidden = false
    button.onclick = () => document.dispatchEvent(new Event(START))
    return
  }
  const place = parentElement.querySelector('.card')
  let card = cards.get(place)
  if (!card) cards.set(place, (card = new Card(parentElement, setTriggerValue)))
  card.update(data)
  return () => {
    card.end()
    cards.delete(place)
  }
}
