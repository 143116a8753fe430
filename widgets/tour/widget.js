// The tour lives in the document and in the tab's own memory: pages come and go beneath it.
import { address } from '../shared/address.js'
import { Aim, found } from './aim.js'

const HERE = 'pradit-tour' // in sessionStorage: the step it stands at
const START = 'pradit-tour-start' // the event of the button
const SWEEP = 1600 // ms that a control takes through its range
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const cards = new WeakMap()

/** Move a slider to its end, back to its start, and home, as a hand would; `done` once it is there. */
function sweep(slider, done) {
  const home = Number(slider.value), low = Number(slider.min || 0), high = Number(slider.max || 100)
  const began = performance.now()
  const say = (value, kind) => {
    slider.value = String(value)
    slider.dispatchEvent(new Event(kind, { bubbles: true, composed: true }))
  }
  if (calm.matches) {
    say(low, 'input')
    say(low, 'change')
    return done()
  }
  const move = now => {
    const part = Math.min(1, (now - began) / SWEEP)
    const at = part < .35 ? home + (high - home) * part / .35 : part < .75 ? high + (low - high) * (part - .35) / .4 : low + (home - low) * (part - .75) / .25
    say(Math.round(at), 'input')
    if (part < 1) requestAnimationFrame(move)
    else {
      say(home, 'change')
      done()
    }
  }
  requestAnimationFrame(move)
}

class Card {
  constructor(root, setTriggerValue) {
    this.root = root
    this.find = selector => root.querySelector(selector)
    this.card = this.find('.card')
    this.aim = new Aim(this.card, there => { this.find('.do').disabled = !there })
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
    this.aim.at(stop.target)
  }

  act() {
    const stop = this.stops[this.step], control = found(stop.target)
    if (!control) return
    if (stop.act === 'press') return control.click()
    this.card.classList.add('aside') // what moves is under it on a phone
    sweep(control, () => this.card.classList.remove('aside'))
  }

  leave() {
    sessionStorage.removeItem(HERE)
    this.hide()
  }

  hide() {
    this.aim.leave()
    this.card.hidden = true
  }

  end() {
    this.aim.end()
    document.removeEventListener(START, this.begin)
    document.removeEventListener('keydown', this.key)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (data.form === 'button') {
    parentElement.querySelector('.card')?.remove()
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
