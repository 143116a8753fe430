// A guess before a figure: one of some choices, or a curve that is dragged from the point that is given.
//   data.question, data.choices   [value, words] each; none where a curve is asked for
//   data.curve     {x, xs, y, ys, low, high, log, first, truth}: words of the axes and of their marks, ends of the
//                  vertical one, the value that is given, and once the reader has guessed the measured ones
//   data.given     null, or what the reader said: {choice}, {curve} or {}, who wanted to see without a guess
//   data.answer    the measured choice, once the reader has guessed
//   data.auto      show it without a word as soon as it is near
import { createWords } from '../shared/words.js'
import { createScale } from './scale.js'

const SPACE = 'http://www.w3.org/2000/svg'
const ROOM = { left: 46, right: 62, top: 12, bottom: 26 }
const NEAR = '400px 0px'
const faces = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector('form')
  let face = faces.get(root)
  if (!face) faces.set(root, face = createGuess(root))
  face.update(data, value => setStateValue('given', value))
  return () => { face.end(); faces.delete(root) }
}

function make(name, attributes, parent) {
  const node = document.createElementNS(SPACE, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  parent?.append(node)
  return node
}

function createGuess(root) {
  const $ = selector => root.querySelector(selector)
  const svg = $('svg'), words = createWords(root)
  let data, tell, mine = [], asked = false
  const give = value => { if (!asked) { asked = true; tell(value) } }
  const near = new IntersectionObserver(([seen]) => { if (seen.isIntersecting) give({ always: true }) }, { rootMargin: NEAR })
  const size = new ResizeObserver(() => draw())
  size.observe(svg)

  $('.show').onclick = () => give({})
  $('.always').onclick = () => give({ always: true })
  $('.done').onclick = () => give({ curve: mine })
  root.onsubmit = event => event.preventDefault()

  function choices() {
    $('.choices').hidden = !data.choices.length
    $('.choices').replaceChildren(...data.choices.map(([value, name]) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.className = 'btn'
      button.textContent = name
      if (data.given) {
        const mine = data.given.choice === value, measured = data.answer === value
        const told = [mine && data.text.mine, measured && data.text.measured].filter(Boolean)
        if (told.length) button.textContent = `${name} · ${told.join(', ')}`
        button.disabled = true
        button.classList.toggle('mine', mine)
        button.classList.toggle('measured', measured)
      }
      button.onclick = () => give({ choice: value })
      return button
    }))
  }

  // ---- the curve ----
  const share = value => createScale(data.curve).share(value)
  const valueAt = part => createScale(data.curve).valueAt(part)
  const written = value => value.toLocaleString(data.language, { maximumSignificantDigits: 3 })
  const height = () => svg.clientHeight - ROOM.top - ROOM.bottom
  const xOf = i => ROOM.left + (svg.clientWidth - ROOM.left - ROOM.right) * i / (data.curve.xs.length - 1)
  const yOf = value => ROOM.top + height() * (1 - share(value))
  const path = values => values.map((value, i) => `${i ? 'L' : 'M'}${xOf(i)} ${yOf(value)}`).join('')

  function draw() {
    if (!data?.curve || !svg.clientWidth) return
    const { xs, ys, truth } = data.curve, last = xs.length - 1
    const focused = root.getRootNode().activeElement?.dataset?.i
    svg.replaceChildren()
    for (const [value, words] of ys) {
      make('line', { class: 'grid', x1: ROOM.left, x2: xOf(last), y1: yOf(value), y2: yOf(value) }, svg)
      make('text', { x: ROOM.left - 10, y: yOf(value) + 4, 'text-anchor': 'end' }, svg).textContent = words
    }
    make('line', { class: 'base', x1: ROOM.left, x2: xOf(last), y1: svg.clientHeight - ROOM.bottom, y2: svg.clientHeight - ROOM.bottom }, svg)
    xs.forEach((words, i) => { make('text', { x: xOf(i), y: svg.clientHeight - 6, 'text-anchor': 'middle' }, svg).textContent = words })
    const drawn = truth ? data.given.curve : mine
    if (drawn) make('path', { class: 'mine', d: path(drawn) }, svg)
    if (truth) {
      make('path', { class: 'truth', d: path(truth) }, svg)
      truth.forEach((value, i) => make('circle', { class: 'truth-dot', r: 4, cx: xOf(i), cy: yOf(value) }, svg))
      const apart = drawn ? Math.max(0, 15 - Math.abs(yOf(drawn[last]) - yOf(truth[last]))) / 2 : 0
      const side = drawn && drawn[last] > truth[last] ? 1 : -1
      end(data.text.measured, yOf(truth[last]) + side * apart)
      if (drawn) end(data.text.mine, yOf(drawn[last]) - side * apart)
    } else {
      mine.forEach((value, i) => i ? grip(value, i) : make('circle', { class: 'anchor', r: 5, cx: xOf(0), cy: yOf(value) }, svg))
    }
    if (focused) svg.querySelector(`[data-i="${focused}"]`)?.focus()
  }
  function end(words, y) {
    make('text', { class: 'name', x: xOf(data.curve.xs.length - 1) + 10, y: y + 4 }, svg).textContent = words
  }
  function grip(value, i) {
    const { xs, x, low, high } = data.curve
    const node = make('g', {
      class: 'grip', role: 'slider', tabindex: 0, 'data-i': i, 'aria-label': `${x}: ${xs[i]}`, 'aria-orientation': 'vertical',
      'aria-valuemin': low, 'aria-valuemax': high, 'aria-valuenow': value, 'aria-valuetext': written(value),
    }, svg)
    for (const [name, r] of [['hit', 22], ['ring', 12], ['dot', 7]]) make('circle', { class: name, r, cx: xOf(i), cy: yOf(value) }, node)
  }
  const set = (i, part) => { mine[i] = valueAt(part); draw() }

  // A finger that goes on to the next point draws it too.
  svg.onpointerdown = event => {
    if (!event.target.closest('.grip')) return
    const move = ({ clientX, clientY }) => {
      const box = svg.getBoundingClientRect(), last = data.curve.xs.length - 1
      const i = Math.round((clientX - box.left - ROOM.left) / (xOf(last) - ROOM.left) * last)
      set(Math.min(last, Math.max(1, i)), 1 - (clientY - box.top - ROOM.top) / height())
    }
    const over = new AbortController(), { signal } = over
    event.preventDefault()
    event.target.closest('.grip').focus()
    addEventListener('pointermove', move, { signal })
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => over.abort(), { signal })
    move(event)
  }
  svg.onkeydown = event => {
    const i = Number(event.target.dataset.i), by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 }[event.key]
    const to = { Home: 0, End: 1 }[event.key] ?? (by && share(mine[i]) + by / 20)
    if (to === undefined || !i) return
    event.preventDefault()
    set(i, to)
  }

  return {
    update(next, telling) {
      tell = telling
      const fresh = JSON.stringify(next.curve?.xs) !== JSON.stringify(data?.curve?.xs)
      data = next
      asked = Boolean(data.given)
      if (fresh && data.curve) mine = data.curve.xs.map(() => data.curve.first)
      root.classList.toggle('answered', asked)
      root.lang = data.language
      words.speak(data)
      $('.question').innerHTML = words.rich(data.question)
      $('.done').textContent = data.text.compare
      $('.show').textContent = data.text.show
      $('.always').textContent = data.text.always
      $('.said').textContent = data.said
      $('.done').hidden = !data.curve
      $('.ways').hidden = asked
      $('.draw').hidden = !data.curve
      if (data.curve) {
        $('.axis.x').textContent = data.curve.x
        $('.axis.y').textContent = data.curve.y
      }
      choices()
      draw()
      near.disconnect()
      if (data.auto && !asked) near.observe(root)
    },
    end() {
      near.disconnect()
      size.disconnect()
    },
  }
}
