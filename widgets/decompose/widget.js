// Five approximations of one matrix. All ranks are here, so a drag paints at once; the server hears on release.
//   data.matrix  M (m, n), bases, errors and numbers stored of each method at the ranks 1 … k
//   data.opened  the view that a link or the history asked for in `visit`; from then on the reader leads
//   data.now     which matrix data.matrix is
import { clamp, colours, count, floats, whenColoursChange } from '../shared/paint.js'
import { drawing, save, separated, tableOf } from '../shared/save.js'
import { createWords } from '../shared/words.js'
import { bring, unpack } from './bases.js'
import { createChart, levels, shares } from './chart.js'
import { createPicture, greys, paintLines } from './paint.js'

const PAINT = 'decompose-paint'
const KEYS = ['source', 'layer', 'spectrum', 'draw']
const EXACT = 1e-6 // of the size of M: what float32 leaves of an error that is none
const TABLED = [1, 2, 4, 8, 16, 32, 64]
const views = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, view = createView(parentElement.querySelector('.root'), data.methods))
  view.update(data, state => setStateValue('view', state))
  requestAnimationFrame(() => requestAnimationFrame(() => parentElement.querySelector('.root')?.classList.add('drawn')))
  return () => { view.destroy(); views.delete(parentElement) }
}

function picture(name) {
  return `<figure data-k="${name}">
    <div class="frame"><canvas class="ticks top" aria-hidden="true"></canvas><canvas class="ticks aside" aria-hidden="true"></canvas><canvas class="mx" role="img"></canvas></div>
    <figcaption><span class="name"><i class="key" data-m="${name}"></i><b data-t="${name}"></b> <output class="num" data-v="error_${name}"></output></span>
      <span class="note-s formula" data-t="formula_${name}"></span><span class="note-s num" data-v="holds_${name}"></span></figcaption>
  </figure>`
}

function createView(root, methods) {
  const $ = selector => root.querySelector(selector), $$ = selector => [...root.querySelectorAll(selector)]
  $('.pictures').insertAdjacentHTML('beforeend', methods.map(picture).join(''))
  const figures = Object.fromEntries($$('.pictures figure').map(each => [each.dataset.k, each]))
  const pictures = Object.fromEntries(Object.entries(figures).map(([k, each]) => [k, createPicture(each.querySelector('.mx'))]))
  const rank = $('#rank'), errors = $('[data-k=errors]'), stored = $('[data-k=stored]')
  const charts = { errors: createChart(errors.firstChild), stored: createChart(stored.firstChild) }
  const { rich, words, plain, number, percent, speak, write } = createWords(root)
  let data, D, S, visit, table, sent, send, colour
  let frame = 0, paints = 0, pause = 0, placed = '', spoken = '', keyed = false, waiting = false, dragging = false, original = false

  const ready = () => KEYS.every(key => S[key] === data.now[key])
  const shownRank = () => Math.min(S.rank, D.k)
  const called = source => source === 'own' ? data.own : words(`source_${source}`)
  const styleOf = name => getComputedStyle(root).getPropertyValue(name).trim()

  // ---- paint: all that depends on the rank ----
  function paint() {
    frame = 0
    if (!ready()) return
    const start = performance.now(), { m, n } = D, r = shownRank()
    for (const name of methods) {
      const method = D.methods[name]
      bring(method, r, m, n)
      pictures[name].paint(original ? D.M : method.P, m, n, ...colour)
      const [top, aside] = figures[name].querySelectorAll('.ticks')
      if (method.columns.length) paintLines(top, 1, n, method.columns.slice(0, r), [], styleOf(`--d-${name}`))
      if (method.rows.length) paintLines(aside, m, 1, [], method.rows.slice(0, r), styleOf(`--d-${name}`))
    }
    paintMarks(r)
    paintNumbers(r)
    charts.errors.cut(r, true)
    charts.stored.cut(r, false)
    performance.measure(PAINT, { start, end: performance.now() })
    if (++paints % 2000 === 0) performance.clearMeasures(PAINT)
  }
  const ask = () => { frame ||= requestAnimationFrame(paint) }

  function paintMarks(r) {
    const lines = $('.lines')
    lines.hidden = S.mark === 'none' || original
    if (lines.hidden) return
    const { columns, rows } = D.methods[S.mark]
    const tint = D.photo ? `--d-${S.mark}` : '--paper' // on a matrix of many colours the rest is veiled instead
    paintLines(lines, D.m, D.n, columns.slice(0, r), rows.slice(0, r), styleOf(tint), !D.photo)
  }

  function paintNumbers(r) {
    const { m, n } = D, whole = m * n, facts = { r: number(r), most: number(D.k), floor: percent(D.methods.svd.errors[r - 1]) }
    for (const name of methods) {
      const error = percent(D.methods[name].errors[r - 1]), holds = D.stored[name][r - 1]
      facts[name] = error
      pictures[name].canvas.ariaLabel = plain('picture_of', { method: plain(name), name: called(S.source), r: facts.r, error })
      write({ [`error_${name}`]: error, [`holds_${name}`]: words('holds', { count: number(holds), share: percent(holds / whole, 0) }) })
    }
    facts.held = percent(D.stored.svd[r - 1] / whole, 0)
    const exact = D.methods.svd.errors.findIndex(each => each < EXACT) + 1
    const says = exact && exact <= r ? words(exact === r ? 'says_exact' : 'says_above', { exact: number(exact) }) : words(D.photo ? 'says_photo' : 'says_signed', facts)
    write({ rank: facts.r, says, errors_title: words('errors_title', facts), stored_title: words('stored_title', facts) })
    rank.style.setProperty('--f', `${100 * (r - 1) / Math.max(1, D.k - 1)}%`)
    rank.ariaValueText = errors.ariaValueText = plain('rank_value', facts)
    errors.ariaValueNow = String(r)
    clearTimeout(pause) // said after a pause, so that a drag is read out once
    pause = setTimeout(() => write({ summary: plain('summary', facts) }), 600)
  }

  // ---- moving: paint at once, tell the server on release; a held key repeats, so wait until it is let go ----
  function commit() {
    waiting = false
    const state = JSON.stringify(S)
    if (state === sent) return
    sent = state
    send({ ...S })
  }
  function moveTo(r) {
    S.rank = r
    rank.value = r
    ask()
  }
  rank.addEventListener('keydown', () => { keyed = true })
  rank.addEventListener('change', () => { if (keyed) waiting = true; else commit() })
  rank.addEventListener('input', () => { S.rank = Number(rank.value); ask() })
  const drag = event => moveTo(charts.errors.rankAt(event, D.k))
  const drop = () => { if (dragging) commit(); dragging = false }
  errors.addEventListener('pointerdown', event => { errors.setPointerCapture(event.pointerId); dragging = true; drag(event) })
  errors.addEventListener('pointermove', event => { if (dragging) drag(event) })
  errors.addEventListener('pointerup', drop)
  errors.addEventListener('pointercancel', drop)
  errors.addEventListener('keydown', event => {
    const at = shownRank()
    const to = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageDown: at - 8, PageUp: at + 8, Home: 1, End: D.k,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    moveTo(clamp(to, 1, D.k))
    waiting = true
  })
  for (const each of [rank, errors]) {
    for (const end of ['keyup', 'blur']) each.addEventListener(end, () => { keyed = false; if (waiting) commit() })
  }

  // ---- choices: another matrix is brought by the server ----
  function choose(change) {
    Object.assign(S, change)
    setControls()
    ask()
    commit()
  }
  root.addEventListener('change', event => {
    const { name, value, id } = event.target
    if (name === 'source' || name === 'mark') choose({ [name]: value })
    else if (id === 'layer' || id === 'spectrum') choose({ [id]: value })
  })
  $('.original').addEventListener('click', () => {
    original = !original
    $('.original').ariaPressed = String(original)
    root.classList.toggle('is-original', original)
    ask()
  })
  $('#draw').addEventListener('click', () => choose({ draw: S.draw % data.draws + 1 }))
  root.addEventListener('click', event => {
    const what = event.target.dataset.save
    if (what === 'csv') save(separated(tabled(x => String(x))), 'decompose.csv', 'text/csv')
    else if (what) save(drawing($(`[data-k=${what}] svg`)), `decompose-${what}.svg`, 'image/svg+xml')
  })

  function setControls() {
    for (const radio of $$('[type=radio]')) radio.checked = S[radio.name] === radio.value
    $('#layer').value = S.layer
    $('#spectrum').value = S.spectrum
    root.dataset.source = S.source
    Object.assign(rank, { max: D.k, value: shownRank() })
    write({ drawn: words('drawn', { n: number(S.draw), most: number(data.draws) }) })
  }

  // ---- what changes with the language, the matrix, the room and the colour scheme ----
  function relabel() {
    speak(data)
    for (const each of $$('[data-t]')) each.innerHTML = rich(words(each.dataset.t))
    for (const each of $$('[data-label]')) each.ariaLabel = words(each.dataset.label)
    const options = (select, named) => select.replaceChildren(...Object.entries(named).map(([value, title]) => new Option(title, value)))
    options($('#layer'), data.layers)
    options($('#spectrum'), Object.fromEntries(data.spectra.map(name => [name, words(`spectrum_${name}`)])))
    const radio = (name, value, inside) => `<label><input type="radio" name="${name}" value="${value}">${inside}</label>`
    $('.marks .pill').innerHTML = data.marks.map(name => radio('mark', name, rich(words(name === 'none' ? 'mark_none' : name)))).join('')
    $('.tiles').innerHTML = data.sources.filter(name => name !== 'own' || data.own)
      .map(name => radio('source', name, `<canvas data-thumb="${name}" aria-hidden="true"></canvas><span>${rich(called(name))}</span>`)).join('')
  }

  function dress() {
    const { m, n } = D, size = `${m} × ${n}`
    write({ own_name: called(S.source), size, low: number(-D.limit, 3), high: `+${number(D.limit, 3)}` })
    root.classList.toggle('is-signed', !D.photo)
    root.style.setProperty('--m', m)
    root.style.setProperty('--n', n)
    pictures.M.canvas.ariaLabel = plain(S.mark === 'none' ? 'picture_bare' : 'picture', { name: called(S.source), m, n })
    for (const [k, figure] of Object.entries(figures)) {
      if (k === 'M') continue
      figure.querySelector('.top').hidden = !D.methods[k].columns.length
      figure.querySelector('.aside').hidden = !D.methods[k].rows.length
    }
    Object.assign(errors, { ariaValueMin: '1', ariaValueMax: String(D.k) })
    $('table').innerHTML = tableOf(tabled(x => percent(x)))
  }

  function tabled(write) { // errors, then numbers stored, as shares
    const whole = D.m * D.n, at = TABLED.filter(r => r < D.k).concat(D.k)
    return {
      head: [plain('axis_rank'), ...methods.map(name => `${plain(name)}: ${plain('axis_error')}`), ...methods.map(name => `${plain(name)}: ${plain('axis_stored')}`)],
      rows: at.map(r => [String(r), ...methods.map(name => write(D.methods[name].errors[r - 1])), ...methods.map(name => write(D.stored[name][r - 1] / whole))]),
    }
  }

  function place() {
    const width = root.clientWidth, now = `${width} ${D.signature} ${spoken}`
    if (!width || placed === now) return
    placed = now
    const whole = D.m * D.n, ks = count(D.k)
    const series = x => methods.map(name => ({
      name, label: plain(`short_${name}`), x: x(name), y: D.methods[name].errors, band: D.bands[name],
    }))
    const least = Math.max(0.004, 0.9 * Math.min(...methods.flatMap(name => D.methods[name].errors.filter(e => e > 0.001))))
    const ticks = levels(least).map(value => ({ value, words: percent(value, value < 0.01 ? 1 : 0) }))
    const y = { least, most: 1, ticks }, most = Math.max(...methods.map(name => D.stored[name].at(-1))) / whole
    charts.errors.draw({
      width: errors.clientWidth, series: series(() => ks), y, floor: plain(errors.clientWidth > 480 ? 'floor' : 'floor_short'),
      x: { least: 1, most: Math.max(2, D.k), ticks: [1, ...TABLED.filter(r => r >= 4 && r < D.k), D.k].map(value => ({ value, words: number(value) })) },
      titles: { x: plain('axis_rank'), y: plain('axis_error') },
    })
    charts.stored.draw({
      width: stored.clientWidth, series: series(name => D.stored[name].map(each => each / whole)), y, floor: '',
      x: { least: 0, most, ticks: shares(most).map(value => ({ value, words: percent(value, 0) })) },
      titles: { x: plain('axis_stored'), y: plain('axis_error') },
    })
    stored.ariaLabel = plain('chart_stored')
  }

  function recolour() {
    table = colours(root)
    colour = D.photo ? [0.5, 1, greys] : [127.5, 127.5 / D.limit, table]
    pictures.M.paint(D.M, D.m, D.n, ...colour)
    for (const canvas of $$('[data-thumb]')) {
      const thumb = data.thumbs[canvas.dataset.thumb]
      if (!thumb) continue
      const [m, n] = thumb.shape
      createPicture(canvas).paint(floats(thumb.M), m, n, ...(thumb.photo ? [0.5, 1, greys] : [127.5, 127.5 / thumb.limit, table]))
    }
    ask()
  }

  const resized = new ResizeObserver(() => { if (D && ready()) { place(); ask() } })
  const forgetColours = whenColoursChange(recolour)
  resized.observe(root)

  return {
    update(next, tell) {
      data = next
      send = tell
      if (visit !== data.visit) S = { ...data.opened }, sent = JSON.stringify(S), visit = data.visit
      if (!ready()) return
      if (D?.signature !== data.matrix.signature) D = unpack(data.matrix)
      const speech = JSON.stringify([data.text, data.layers, data.own, Object.keys(data.thumbs)])
      if (spoken !== speech) relabel()
      spoken = speech
      setControls()
      dress()
      recolour()
      place()
      cancelAnimationFrame(frame)
      paint()
    },
    destroy() {
      resized.disconnect()
      forgetColours()
      clearTimeout(pause)
      cancelAnimationFrame(frame)
    },
  }
}
