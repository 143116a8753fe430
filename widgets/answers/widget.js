// Answers of several models to the same questions, and a slider over the rounds of the one that learns.
//   data.columns    [{name, about, moves, rounds: [{step, answers: [{text, marks: {name: 0 … 1}}]}]}]
//   data.questions  [[as it was asked, what it means in the reader's language, as HTML, or '']]
//   data.asked      words over the questions, as HTML; data.steps: of the whole run; data.live: more will come
//   data.run        id of the run: another one begins at its last round
import { createWords } from '../shared/words.js'

const mounted = new WeakMap()

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector('.root')
  let table = mounted.get(root)
  if (!table) mounted.set(root, (table = createAnswers(root)))
  table.update(data)
  return () => mounted.delete(root)
}

const make = (name, attributes = {}, ...children) => {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** An element of running text, in which the server has said where a line may end. */
const html = (name, attributes, text) => {
  const made = make(name, attributes)
  made.innerHTML = text
  return made
}

/** The round that stands at a place of the slider. */
export const roundAt = (column, at) => column.rounds[column.moves ? Math.min(at, column.rounds.length - 1) : column.rounds.length - 1]

/** A ring: full for yes, half for in between, empty for no. */
export const ring = value => (value >= 0.75 ? 'yes' : value > 0.25 ? 'half' : 'no')

function createAnswers(root) {
  const [slider, said, hint, table] = ['.step', '.said', '.hint', '.table'].map(name => root.querySelector(name))
  const words = createWords(root)
  let data, run, at = 0, held = false, built = '', cells = []

  slider.addEventListener('input', () => {
    at = Number(slider.value)
    held = at < Number(slider.max) // at the end it goes on with the run
    draw()
  })

  /** Question by question: a heading, and a cell for each model that carries the model's name for narrow screens. */
  function build() {
    const shape = JSON.stringify([data.columns.map(each => [each.name, each.about]), data.questions, data.asked])
    if (shape === built) return
    built = shape
    table.style.setProperty('--columns', data.columns.length)
    const head = data.columns.map(({ name, about, moves }) =>
      make('div', { role: 'columnheader', class: moves ? 'head moves' : 'head' }, make('b', {}, name), make('small', {}, about)))
    table.replaceChildren(make('div', { role: 'row', class: 'row top' }, html('div', { role: 'columnheader', class: 'asked' }, data.asked), ...head))
    cells = data.questions.map(([question, meaning]) => {
      const asked = make('div', { role: 'rowheader', class: 'question' }, make('span', { lang: 'en' }, question))
      if (meaning) asked.append(html('small', {}, meaning))
      const row = data.columns.map(({ name, moves }) => {
        const text = make('p', { class: 'answer' }), marks = make('p', { class: 'marks' })
        return { text, marks, cell: make('div', { role: 'cell', class: moves ? 'cell moves' : 'cell', 'data-name': name }, text, marks) }
      })
      table.append(make('div', { role: 'row', class: 'row' }, asked, ...row.map(each => each.cell)))
      return row
    })
  }

  function draw() {
    const learning = data.columns.find(each => each.moves), last = (learning?.rounds.length ?? 1) - 1
    slider.max = Math.max(0, last)
    slider.value = at
    slider.style.setProperty('--f', `${last > 0 ? 100 * at / last : 0}%`)
    const step = learning?.rounds.length ? roundAt(learning, at).step : 0
    const place = words.plain('step', { step: words.number(step), steps: words.number(data.steps) })
    said.textContent = place
    slider.setAttribute('aria-label', words.plain('time'))
    slider.setAttribute('aria-valuetext', place)
    slider.disabled = last < 1
    hint.textContent = last < 1 ? '' : words.plain(data.live ? 'follows' : 'drag')
    data.columns.forEach((column, i) => {
      const answers = column.rounds.length ? roundAt(column, at).answers : []
      cells.forEach((row, k) => {
        const answer = answers[k], { text, marks, cell } = row[i]
        cell.classList.toggle('waits', !answer)
        const shown = answer ? answer.text : words.plain('waits')
        if (text.textContent !== shown) text.textContent = shown
        text.lang = answer ? (/[\u0e00-\u0e7f]/.test(answer.text) ? 'th' : 'en') : data.language
        marks.replaceChildren(...Object.entries(answer?.marks ?? {}).map(([name, value]) => {
          const kind = ring(value)
          return make('span', { class: kind }, make('i', { 'aria-hidden': 'true' }), name, make('span', { class: 'vh' }, ` ${words.plain(kind)}`))
        }))
      })
    })
  }

  return {
    update(given) {
      data = given
      words.speak(data)
      const rounds = data.columns.find(each => each.moves)?.rounds.length ?? 1
      if (data.run !== run) { run = data.run; held = false }
      at = held ? Math.min(at, rounds - 1) : Math.max(0, rounds - 1)
      build()
      draw()
    },
  }
}
