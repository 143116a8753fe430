// The factor view. All of a layer is here, so a drag paints at once; the server hears of it on release.
//   data.layer   W (m, n) and adapters: B (m, r) sent as its transpose, A (r, n), singular values of BA
//   data.opened  the view that a link or the history asked for in `visit`; from then on the reader leads
import { clamp, colours, count, paintMatrix, total, whenColoursChange } from '../shared/paint.js'
import { drawing, save, separated, tableOf } from '../shared/save.js'
import { createWords } from '../shared/words.js'
import { arrange, NARROW } from './arrange.js'
import { decode, multiply, RULES } from './matrix.js'
import { createStrip } from './strip.js'

const PAINT = 'factor-view-paint'
const views = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, view = createView(parentElement.querySelector('.root')))
  view.update(data, state => setStateValue('view', state))
  return () => { view.destroy(); views.delete(parentElement) }
}

// ---- the view: D the layer at hand, S the state asked for ----------------------------------------
function createView(root) {
  const $ = selector => root.querySelector(selector), $$ = selector => [...root.querySelectorAll(selector)]
  const canvas = Object.fromEntries($$('canvas').map(node => [node.dataset.k, node]))
  const rank = $('#rank'), alpha = $('#alpha'), strip = $('.strip'), picture = canvas.BA
  const { rich, words, plain, number, percent, signed, speak, write, read } = createWords(root)
  const spectrum = createStrip(strip)
  let data, D, S, visit, table, cell, sent, send
  let frame = 0, paints = 0, pause = 0, placed = '', drawn = '', spoken = ''
  let keyed = false, waiting = false, dragging = false

  const style = values => { for (const name in values) root.style.setProperty(`--${name}`, values[name]) }
  const cutting = () => S.mode === 'compress'
  const ready = () => D.name === S.layer && D.mode === S.mode && (cutting() || D.rule === S.rule)
  const adapter = () => cutting() ? D.adapters[0] : D.adapters.find(each => each.rank === S.rank)
  const gamma = () => cutting() ? D.adapters[0].gamma : RULES[S.rule].gamma(S.alpha, S.rank)
  const reach = () => data.compact ? data.most / 2 : data.most
  const ranks = () => cutting() ? count(reach()) : data.ranks
  const apart = (a, b) => Math.abs(Math.log2(a / b))
  const nearest = r => data.ranks.reduce((best, next) => apart(next, r) < apart(best, r) ? next : best)

  // ---- paint: all that depends on rank, α and the entry pointed at ----
  function paint() {
    frame = 0
    if (!ready()) return
    const start = performance.now(), { m, n, W, P, Z, limit } = D, r = S.rank, g = gamma(), chosen = adapter()
    multiply(P, chosen, r, g, m, n)
    paintMatrix(canvas.A, chosen.A, r, n, n, 1, limit, table)
    paintMatrix(canvas.B, chosen.B, m, r, 1, m, limit, table)
    paintMatrix(canvas.BA, P, m, n, n, 1, limit, table)
    if (!data.compact) {
      for (let q = 0; q < Z.length; q++) Z[q] = W[q] + P[q]
      paintMatrix(canvas.Z, Z, m, n, n, 1, limit, table)
    }
    style({ r })
    paintFigures(r, g, chosen)
    paintCell(r, g, chosen)
    performance.measure(PAINT, { start, end: performance.now() })
    if (++paints % 2000 === 0) performance.clearMeasures(PAINT)
  }
  const ask = () => { frame ||= requestAnimationFrame(paint) }

  function paintFigures(r, g, chosen) {
    const { m, n } = D, whole = m * n, hold = r * (m + n), squares = chosen.singular.map(s => s * s)
    const kept = total(squares.slice(0, r)), energy = kept / total(squares) || 0
    const size = g * Math.sqrt(kept), a = cutting() ? chosen.alpha : S.alpha
    const facts = {
      r: number(r), most: number(chosen.rank), now: number(a, 2), trained: number(chosen.alpha, 2),
      gamma: RULES[D.rule].written(number(a, 2), chosen.rank) + number(g, 2),
      energy: percent(energy), error: percent(Math.sqrt(Math.max(0, 1 - energy))),
      hold: number(hold), whole: number(whole), held: percent(hold / whole, 0), even: number(Math.ceil(whole / (m + n))),
      share: percent(size / D.normW, 0), loss: chosen.loss === null ? '' : number(chosen.loss, 3, true),
    }
    write({
      rank: facts.r, alpha: facts.now, gamma: facts.gamma, energy: facts.energy, error: facts.error, loss: facts.loss,
      size_A: `${r} × ${n}`, size_B: `${m} × ${r}`, factors_hold: facts.hold, whole_holds: facts.whole,
      of_numbers: words('of_numbers', facts),
      parameters: `${facts.whole} → ${number(m * r)} + ${number(r * n)}`,
      norm_update: number(size, 2, true), norm_W: number(D.normW, 2, true), norm_share: facts.share,
      cost_says: words(hold < whole ? 'cost_less' : hold === whole ? 'cost_even' : 'cost_more', facts),
      why: words(cutting() ? 'why_fixed' : a === chosen.alpha ? 'why_trained' : 'why_scaled', facts),
    })
    $('.bar.lora i').style.width = `${100 * hold / Math.max(hold, whole)}%`
    $('.bar.whole i').style.width = `${100 * whole / Math.max(hold, whole)}%`
    for (const td of $$('.losses td')) td.ariaCurrent = td.dataset.rank === String(r) ? 'true' : null
    for (const input of [rank, alpha]) {
      input.style.setProperty('--f', `${100 * (input.value - input.min) / (input.max - input.min)}%`)
    }
    rank.ariaValueText = strip.ariaValueText = plain('rank_value', facts)
    strip.ariaValueNow = String(r)
    paintStrip(r, chosen)
    spectrum.cut(r)
    say(plain(cutting() ? 'summary_cut' : 'summary_trained', facts))
  }

  function paintStrip(r, chosen) { // at the γ of training, so that ranks can be compared
    const now = `${placed} ${cutting() || r}`
    if (drawn === now) return
    drawn = now
    const top = 1.02 * Math.max(...D.adapters.map(each => each.singular[0] * each.gamma)) || 1
    spectrum.draw(chosen.singular.map(s => s * chosen.gamma), top, places())
    $('.values').innerHTML = tableOf(tabled(x => number(x, 3, true), x => percent(x)))
  }

  /** Where each rank stands along the slider, whose steps are the ranks there are: 1, 2, 3, … or 1, 2, 4, … */
  function places() {
    const last = Math.log2(data.most)
    return count(reach()).map(r => cutting() ? (r - 1) / (reach() - 1) : Math.log2(r) / last)
  }

  function tabled(write, share) { // at the γ of training, as they are drawn
    const { singular, gamma } = adapter(), squares = singular.map(s => s * s), all = total(squares) || 1
    return {
      head: [plain('rank'), plain('singular_value'), plain('energy')],
      rows: singular.map((s, i) => [String(i + 1), write(gamma * s), share(total(squares.slice(0, i + 1)) / all)]),
    }
  }

  function say(sentence) { // after a pause, so that a drag is read out once
    clearTimeout(pause)
    pause = setTimeout(() => write({ summary: sentence }), 600)
  }

  // ---- the entry pointed at: row i of B meets column j of A ----
  function paintCell(r, g, { A, B }) {
    const { m, n } = D, [i, j] = cell
    const products = count(r).map(k => B[(k - 1) * m + i] * A[(k - 1) * n + j]), sum = total(products)
    const term = (x, k) => k ? (x < 0 ? ' − ' : ' + ') + number(Math.abs(x), 3, true) : number(x, 3, true)
    const shown = products.slice(0, r > 4 ? 3 : r).map(term).join('') + (r > 4 ? plain('and_more', { n: r - 3 }) : '')
    const single = `${number(B[i], 3, true)} × ${number(A[j], 3, true)}`
    const scaled = Math.abs(g - 1) > 1e-9 ? `, γ × ${signed(sum)} = ${signed(g * sum)}` : ''
    const named = { i: i + 1, j: j + 1, r: number(r), value: signed(sum) }
    write({
      cell: words(r === 1 ? 'cell_one' : 'cell_many', named), sum: `${r === 1 ? single : shown} = ${signed(sum)}${scaled}`,
      entry_name: words('entry', named), entry: signed(g * sum),
    })
    style({ i, j })
  }

  function point(event) {
    const { left, top, width, height } = picture.getBoundingClientRect()
    const at = (part, whole, entries) => clamp(Math.floor(part / whole * entries), 0, entries - 1)
    cell = [at(event.clientY - top, height, D.m), at(event.clientX - left, width, D.n)]
    ask()
  }
  picture.addEventListener('pointermove', point)
  picture.addEventListener('pointerdown', point)
  picture.addEventListener('keydown', event => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key]
    if (!step) return
    event.preventDefault()
    cell = [(cell[0] + step[0] + D.m) % D.m, (cell[1] + step[1] + D.n) % D.n]
    paint()
    say(read('cell'))
  })

  // ---- moving: paint at once, tell the server on release; a held key repeats, so wait until it is let go ----
  function commit() {
    waiting = false
    const state = JSON.stringify(S)
    if (data.compact || state === sent) return
    sent = state
    send({ ...S })
  }
  for (const input of [rank, alpha]) {
    input.addEventListener('keydown', () => { keyed = true })
    input.addEventListener('change', () => { if (keyed) waiting = true; else commit() })
  }
  rank.addEventListener('input', () => { S.rank = ranks()[rank.value]; ask() })
  alpha.addEventListener('input', () => { S.alpha = Number(alpha.value); ask() })

  function moveTo(r) {
    S.rank = r
    rank.value = ranks().indexOf(r)
    ask()
  }
  const drag = event => {
    const r = spectrum.rankAt(event)
    moveTo(cutting() ? r : nearest(r))
  }
  const drop = () => { if (dragging) commit(); dragging = false }
  strip.addEventListener('pointerdown', event => { strip.setPointerCapture(event.pointerId); dragging = true; drag(event) })
  strip.addEventListener('pointermove', event => { if (dragging) drag(event) })
  strip.addEventListener('pointerup', drop)
  strip.addEventListener('pointercancel', drop)
  strip.addEventListener('keydown', event => {
    const all = ranks(), last = all.length - 1, at = all.indexOf(S.rank)
    const to = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageDown: at - 4, PageUp: at + 4, Home: 0, End: last,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    moveTo(all[clamp(to, 0, last)])
    waiting = true
  })
  for (const node of [rank, alpha, strip]) {
    for (const end of ['keyup', 'blur']) node.addEventListener(end, () => { keyed = false; if (waiting) commit() })
  }

  // ---- choices that need other arrays: the server brings them ----
  function choose(change) {
    Object.assign(S, change)
    if (cutting()) S.rule = data.source
    else if (!data.ranks.includes(S.rank)) S.rank = nearest(S.rank)
    if (!('layer' in change)) S.alpha = data.trained[S.rule]
    setControls()
    commit()
  }
  $('#layer').addEventListener('change', event => choose({ layer: event.target.value }))
  for (const radio of $$('[type=radio]')) radio.addEventListener('change', () => choose({ [radio.name]: radio.value }))

  root.addEventListener('click', event => {
    const what = event.target.dataset.save, name = `singular-values-${D.name}`
    if (what === 'csv') save(separated(tabled(String, String)), `${name}.csv`, 'text/csv')
    else if (what) save(drawing(strip.querySelector('svg')), `${name}.svg`, 'image/svg+xml')
  })

  function setControls() {
    for (const radio of $$('[type=radio]')) {
      radio.checked = S[radio.name] === radio.value
      radio.disabled = radio.name === 'rule' && cutting()
    }
    $('#layer').value = S.layer
    Object.assign(rank, { min: 0, max: ranks().length - 1, value: ranks().indexOf(S.rank) })
    const [min, max, step] = data.alphas[S.rule]
    Object.assign(alpha, { min, max, step, value: S.alpha, disabled: cutting() })
    root.dataset.mode = S.mode
    write({
      says: words(cutting() ? 'compress_says' : 'retrain_says', { trained: data.most, n: data.ranks.length }),
      spectrum_says: words(cutting() ? 'spectrum_cut' : 'spectrum_trained'),
    })
  }

  // ---- what changes with the language, the layer, the room and the colour scheme ----
  function relabel() {
    speak(data)
    for (const node of $$('[data-t]')) node.innerHTML = rich(words(node.dataset.t))
    for (const node of $$('[data-label]')) node.ariaLabel = words(node.dataset.label)
    $('#layer').replaceChildren(...Object.entries(data.layers).map(([name, title]) => new Option(title, name)))
    const named = data.figure ? `**${words('figure', { n: data.figure })}** ` : ''
    write({ caption: named + words('caption') })
  }

  function dress() {
    const { m, n, limit } = D, size = `${m} × ${n}`, bare = cutting() && Math.abs(gamma() - 1) < 1e-9
    write({
      size_W: size, size_BA: size, low: number(-limit, 3), high: `+${number(limit, 3)}`,
      name_BA: bare ? 'BA' : 'γBA', // a γ that is not 1 is in the picture
    })
    const alt = { W: 'picture_W', A: 'picture_A', B: 'picture_B', BA: 'picture_BA', Z: 'picture_Z' }
    for (const [k, key] of Object.entries(alt)) canvas[k].ariaLabel = plain(key, { m, n })
    cell = cell ? [Math.min(cell[0], m - 1), Math.min(cell[1], n - 1)] : [Math.floor(m * .34), Math.floor(n * .62)]
    Object.assign(strip, { ariaValueMin: '1', ariaValueMax: String(data.most) })
    const told = !cutting() && D.adapters.every(each => each.loss !== null)
    root.classList.toggle('told', told)
    const cells = told ? D.adapters.map(each => `<td data-rank="${each.rank}">${number(each.loss, 3, true)}</td>`) : []
    const heads = data.ranks.map(r => `<th scope="col">${r}</th>`)
    $('.losses thead tr').innerHTML = `<th scope="row">${rich(words('rank'))}</th>${heads.join('')}`
    $('.losses tbody tr').innerHTML = `<th scope="row"><span class="vh">${rich(words('loss'))}</span></th>${cells.join('')}`
  }

  /** px of height for the pictures: of the window, less what stands above the instrument and, on a phone, its sheet. */
  function room() {
    if (data.compact) return 0
    const phone = root.clientWidth < NARROW * rem(), sheet = phone ? $('.ctl').offsetHeight + 10 : $('.head').offsetHeight + 28
    const top = root.getBoundingClientRect().top + scrolled()
    return clamp(innerHeight - Math.min(top, innerHeight / 3) - sheet, 220, 900)
  }
  const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize)
  const scrolled = () => document.querySelector('[data-testid=stMain]')?.scrollTop ?? 0

  function place() {
    const width = root.clientWidth, height = room(), now = D && `${width} ${height} ${rem()} ${devicePixelRatio} ${D.signature}`
    if (!width || placed === now) return
    placed = now
    const { m, n } = D, { way, px, q } = arrange({ width, height, rem: rem() }, m, n, reach(), data.compact)
    root.dataset.way = way
    style({ m, n, k: reach(), px: `${px}px`, q: `${q}px` })
    spectrum.measure()
    ask()
  }

  function recolour() {
    table = colours(root)
    paintMatrix(canvas.W, D.W, D.m, D.n, D.n, 1, D.limit, table)
    ask()
  }

  const resized = new ResizeObserver(() => { if (D) place() })
  const again = () => { if (D) place() }
  addEventListener('resize', again)
  const forgetColours = whenColoursChange(recolour)
  resized.observe(root)

  return {
    update(next, tell) {
      data = next
      send = tell
      root.classList.toggle('is-compact', data.compact)
      if (visit !== data.visit) S = { ...data.opened }, sent = JSON.stringify(S), visit = data.visit
      if (D?.signature !== data.layer.signature) D = decode(data.layer)
      if (!ready()) return
      const speech = JSON.stringify([data.text, data.layers])
      if (spoken !== speech) relabel()
      spoken = speech
      setControls()
      dress()
      place()
      recolour()
      cancelAnimationFrame(frame)
      paint()
    },
    destroy() {
      resized.disconnect()
      removeEventListener('resize', again)
      forgetColours()
      clearTimeout(pause)
      cancelAnimationFrame(frame)
    },
  }
}
