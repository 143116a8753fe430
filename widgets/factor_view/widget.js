// The factor view. All of a layer is here, so a drag paints at once; the server hears of it on release.
//   data.layer   W (m, n) and adapters, each B (m, r) sent as its transpose, A (r, n), singular values of BA
//   data.opened  the view that a link or the history asked for, in its `visit`; from then on the reader leads
const PAINT = 'factor-view-paint'
const views = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, view = createView(parentElement.querySelector('.root')))
  view.update(data, state => setStateValue('view', state))
  return () => { view.destroy(); views.delete(parentElement) }
}

// ---- numbers and arithmetic ---------------------------------------------------------------------
const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)
const norm = values => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))
const clamp = (x, least, most) => Math.min(most, Math.max(least, x))

function decode(layer) {
  const adapters = layer.adapters.map(a => ({ ...a, B: floats(a.B), A: floats(a.A) }))
  const [m, n] = layer.shape, W = floats(layer.W)
  return { ...layer, m, n, W, adapters, normW: norm(W), P: new Float32Array(m * n), Z: new Float32Array(m * n) }
}

function multiply(P, adapter, rank, gamma, m, n) {          // P (m, n) = γ · (first `rank` columns of B) (rows of A)
  const { A, B } = adapter
  P.fill(0)
  for (let k = 0; k < rank; k++) {
    for (let i = 0; i < m; i++) {
      const b = gamma * B[k * m + i], row = i * n, a = k * n
      for (let j = 0; j < n; j++) P[row + j] += b * A[a + j]
    }
  }
}

const RULES = {                                              // γ, and how it is reckoned
  'alpha/r': { gamma: (alpha, r) => alpha / r, written: (alpha, r) => `${alpha} / ${r} = ` },
  'alpha/sqrt(r)': { gamma: (alpha, r) => alpha / Math.sqrt(r), written: (alpha, r) => `${alpha} / √${r} = ` },
  constant: { gamma: alpha => alpha, written: () => '' },
}

// ---- colour: the nine stops of --div-*, 256 steps, paper in the middle ---------------------------
function colours(element) {
  const style = getComputedStyle(element), context = document.createElement('canvas').getContext('2d')
  const stops = Array.from({ length: 9 }, (_, i) => {
    context.fillStyle = style.getPropertyValue(`--div-${i}`).trim()
    return [1, 3, 5].map(at => parseInt(context.fillStyle.slice(at, at + 2), 16))
  })
  const bytes = new Uint8ClampedArray(256 * 4)
  for (let i = 0; i < 256; i++) {
    const x = i / 255 * 8, k = Math.min(7, Math.floor(x))
    for (let c = 0; c < 3; c++) bytes[i * 4 + c] = stops[k][c] + (stops[k + 1][c] - stops[k][c]) * (x - k)
    bytes[i * 4 + 3] = 255
  }
  return new Uint32Array(bytes.buffer)
}

// Entry (i, j) is values[i · down + j · right].
function paintMatrix(canvas, values, rows, cols, down, right, limit, table) {
  if (canvas.width !== cols) canvas.width = cols
  if (canvas.height !== rows) canvas.height = rows
  const context = canvas.getContext('2d'), image = context.createImageData(cols, rows)
  const pixels = new Uint32Array(image.data.buffer), scale = 127.5 / limit
  for (let i = 0, pixel = 0; i < rows; i++) {
    for (let j = 0, at = i * down; j < cols; j++, at += right) {
      const shade = 127.5 + values[at] * scale
      pixels[pixel++] = table[shade < 0 ? 0 : shade > 255 ? 255 : shade | 0]
    }
  }
  context.putImageData(image, 0, 0)
}

// ---- how the five pictures stand: in a row, in two storeys, or one below the other ----------------
function arrange(width, m, n, most, compact) {
  const grain = 1 / (devicePixelRatio || 1)
  const whole = px => px >= 2 * grain ? Math.floor(px / grain + 1e-6) * grain : px  // entries as whole device pixels
  const tall = Math.max(1, 520 / m), name = 76                                      // "B 64 × 32" needs this room
  const block = Math.min((width - 12) / (n + most), (width - 12 - name) / n)        // B and BA beside each other
  if (compact) return { way: 'alone', px: whole(Math.min(5, tall, block)), q: 0 }
  const row = Math.min(4, tall, (width - 100) / (3 * n + most))
  if (row >= Math.min(3, 0.9 * tall)) return { way: 'row', px: whole(row), q: whole(row) }
  const px = whole(Math.min(Math.min(6, tall), block)), pair = (width - 44) / (2 * n)
  if (pair >= 1.5) return { way: 'storeys', px, q: whole(Math.min(4, tall, pair)) }
  return { way: 'column', px, q: whole(Math.min(4, tall, width / n)) }
}

// ---- the view -----------------------------------------------------------------------------------
function createView(root) {
  const $ = selector => root.querySelector(selector), $$ = selector => [...root.querySelectorAll(selector)]
  const canvas = Object.fromEntries($$('canvas').map(node => [node.dataset.k, node])), slots = {}, formats = {}
  for (const node of $$('[data-v]')) (slots[node.dataset.v] ||= []).push(node)
  const rank = $('#rank'), alpha = $('#alpha'), strip = $('.strip'), hover = canvas.BA
  let data, text, D, S, visit, table, sent, send, frame = 0, paints = 0, said = 0
  let cell = null, placed = '', keyed = false, waiting = false, dragging = false

  // Words: {fields}, *variables* and **strong** from the strings.
  const rich = source => source.replace(/[&<>]/g, c => `&#${c.charCodeAt(0)};`)
    .replace(/\*\*(.+?)\*\*/g, '<b>$1</b>').replace(/\*(.+?)\*/g, '<i class="m">$1</i>')
  const words = (key, fields = {}) => text[key].replace(/\{(\w+)\}/g, (_, name) => fields[name])
  const plain = (key, fields) => words(key, fields).replaceAll('*', '')
  const put = (name, value) => { for (const node of slots[name]) if (node.textContent !== value) node.textContent = value }
  const putRich = (name, source) => { for (const node of slots[name]) if (node.source !== source) { node.source = source; node.innerHTML = rich(source) } }
  const format = (digits, fixed) => formats[`${data.language} ${digits} ${fixed}`] ||= new Intl.NumberFormat(data.language,
    { maximumFractionDigits: digits, minimumFractionDigits: fixed ? digits : 0 })
  const number = (x, digits = 0, fixed = false) => format(digits, fixed).format(x).replace('-', '−')
  const percent = (x, digits = 1) => number(100 * x, digits, digits > 0) + '%'
  const signed = x => (x > 0 ? '+' : '') + number(x, 3, true)

  // What is shown: the adapter, γ, and whether the arrays at hand are those of the state asked for.
  const cutting = () => S.mode === 'compress'
  const ready = () => D.name === S.layer && D.mode === S.mode && (cutting() || D.rule === S.rule)
  const adapter = () => cutting() ? D.adapters[0] : D.adapters.find(a => a.rank === S.rank)
  const gamma = () => cutting() ? D.adapters[0].gamma : RULES[S.rule].gamma(S.alpha, S.rank)
  const ranks = () => cutting() ? Array.from({ length: data.compact ? data.most / 2 : data.most }, (_, i) => i + 1) : data.ranks
  const nearest = r => data.ranks.reduce((a, b) => Math.abs(Math.log2(b / r)) < Math.abs(Math.log2(a / r)) ? b : a)

  // ---- paint: everything that depends on rank, α and the entry pointed at ----
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
    root.style.setProperty('--r', r)
    figures(r, g, chosen)
    paintCell()
    paintStrip(r, chosen)
    performance.measure(PAINT, { start, end: performance.now() })
    if (++paints % 2000 === 0) performance.clearMeasures(PAINT)
  }
  const ask = () => { frame ||= requestAnimationFrame(paint) }

  function figures(r, g, chosen) {
    const { m, n } = D, squares = chosen.singular.map(s => s * s), all = squares.reduce((a, b) => a + b, 0)
    const kept = squares.slice(0, r).reduce((a, b) => a + b, 0), energy = all ? kept / all : 0
    const size = g * Math.sqrt(kept), hold = r * (m + n), even = m * n / (m + n)
    const rule = cutting() ? D.rule : S.rule, over = cutting() ? chosen.rank : r, a = cutting() ? chosen.alpha : S.alpha
    const written = RULES[rule].written(number(a, 2), over) + number(g, 2)
    put('rank', number(r)); put('alpha', number(a, 2)); put('gamma', written)
    put('size_A', `${r} × ${n}`); put('size_B', `${m} × ${r}`)
    put('energy', percent(energy)); put('error', percent(Math.sqrt(Math.max(0, 1 - energy))))
    put('factors_hold', number(hold)); put('whole_holds', number(m * n))
    put('parameters', `${number(m * n)} → ${number(m * r)} + ${number(r * n)}`)
    put('norm_update', number(size, 2, true)); put('norm_W', number(D.normW, 2, true)); put('norm_share', percent(size / D.normW, 0))
    const named = { r, share: percent(hold / (m * n), 0), even: number(Math.ceil(even)) }
    putRich('cost_says', words(hold < m * n ? 'cost_less' : hold === m * n ? 'cost_even' : 'cost_more', named))
    $('.bar.lora i').style.width = `${100 * hold / Math.max(hold, m * n)}%`
    $('.bar.whole i').style.width = `${100 * m * n / Math.max(hold, m * n)}%`
    const why = cutting() ? 'why_fixed' : Math.abs(S.alpha - chosen.alpha) < 1e-9 ? 'why_trained' : 'why_scaled'
    putRich('why', words(why, { gamma: written, trained: number(chosen.alpha, 2), now: number(a, 2) }))
    if (chosen.loss !== null) put('loss', number(chosen.loss, 3, true))
    for (const [i, td] of $$('.losses td').entries()) td.ariaCurrent = data.ranks[i] === r ? 'true' : null
    rank.style.setProperty('--f', `${100 * rank.value / Math.max(1, rank.max)}%`)
    alpha.style.setProperty('--f', `${100 * (alpha.value - alpha.min) / (alpha.max - alpha.min)}%`)
    rank.ariaValueText = strip.ariaValueText = plain('rank_value', { r: number(r) })
    strip.ariaValueNow = String(r)
    const facts = { r, most: chosen.rank, energy: percent(energy), error: percent(Math.sqrt(Math.max(0, 1 - energy))), gamma: written,
      hold: number(hold), whole: number(m * n), share: percent(size / D.normW, 0), loss: number(chosen.loss ?? 0, 3, true) }
    putRich('spectrum_says', words(cutting() ? 'spectrum_cut' : 'spectrum_trained', facts))
    $('.kept').textContent = plain(cutting() ? 'kept' : 'kept_trained', facts)
    say(plain(cutting() ? 'summary_cut' : 'summary_trained', facts))
  }

  function say(sentence) {                                   // after a pause, so that a drag is read out once
    clearTimeout(said)
    said = setTimeout(() => put('summary', sentence), 600)
  }

  // ---- the entry pointed at: row i of B meets column j of A ----
  function paintCell() {
    const { m, n } = D, [i, j] = cell ||= [Math.floor(m * .34), Math.floor(n * .62)], r = S.rank, { A, B } = adapter(), g = gamma()
    const products = Array.from({ length: r }, (_, k) => B[k * m + i] * A[k * n + j]), sum = products.reduce((a, b) => a + b, 0)
    const term = (x, k) => k ? (x < 0 ? ' − ' : ' + ') + number(Math.abs(x), 3, true) : number(x, 3, true)
    const shown = r === 1 ? [B[i], A[j]].map(x => number(x, 3, true)).join(' × ') : products.slice(0, r > 4 ? 3 : 4).map(term).join('')
    const more = r > 4 ? plain('and_more', { n: r - 3 }) : '', scaled = Math.abs(g - 1) > 1e-9 ? `, γ × ${signed(sum)} = ${signed(g * sum)}` : ''
    putRich('cell', words(r === 1 ? 'cell_one' : 'cell_many', { i: i + 1, j: j + 1, r, value: signed(sum) }))
    put('sum', `${shown}${more} = ${signed(sum)}${scaled}`)
    put('entry_name', plain('entry', { i: i + 1, j: j + 1 })); put('entry', signed(g * sum))
    const box = (name, x, y, width, height) => { for (const [k, v] of Object.entries({ x, y, width, height })) $(name).setAttribute(k, Math.max(0, v)) }
    box('.across', 0, i + .36, j - .5, .28); box('.down', j + .36, 0, .28, i - .5); box('.hair .cell', j - .5, i - .5, 2, 2)
    root.style.setProperty('--i', i); root.style.setProperty('--j', j)
  }

  function point(event) {
    const box = hover.getBoundingClientRect(), { m, n } = D
    cell = [clamp(Math.floor((event.clientY - box.top) / box.height * m), 0, m - 1), clamp(Math.floor((event.clientX - box.left) / box.width * n), 0, n - 1)]
    ask()
  }
  hover.addEventListener('pointermove', point)
  hover.addEventListener('pointerdown', point)
  hover.addEventListener('keydown', event => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key]
    if (!step) return
    event.preventDefault()
    cell = [(cell[0] + step[0] + D.m) % D.m, (cell[1] + step[1] + D.n) % D.n]
    paint()
    say(plain(S.rank === 1 ? 'cell_one' : 'cell_many', { i: cell[0] + 1, j: cell[1] + 1, r: S.rank, value: slots.entry[0].textContent }))
  })

  // ---- the strip of singular values; its bars stand at equal steps, one a rank ----
  const HEIGHT = 240, TOP = 30, FOOT = 26
  let bars = '', rects = [], stripWidth = 0
  function paintStrip(r, chosen) {
    const width = stripWidth, step = width / data.most
    if (!width) return
    const drawn = `${D.signature} ${S.mode} ${cutting() ? '' : r} ${width}`
    if (bars !== drawn) {
      bars = drawn
      const top = Math.max(...D.adapters.map(a => a.singular[0] * (cutting() ? 1 : a.gamma))) * 1.02 || 1, k = cutting() ? 1 : chosen.gamma
      $('.strip svg').setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
      $('.bars').innerHTML = Array.from({ length: data.most }, (_, i) => {
        const x = i * step + 1.5, h = (chosen.singular[i] || 0) * k / top * (HEIGHT - TOP - FOOT), w = Math.max(2, step - 3)
        const label = cutting() ? (i + 1) % 8 === 0 || !i : data.ranks.includes(i + 1)
        return `<rect x="${x}" y="${HEIGHT - FOOT - h}" width="${w}" height="${h}"/>` + (label ? `<text x="${x + w / 2}" y="${HEIGHT - 8}">${i + 1}</text>` : '')
      }).join('') + `<line class="axis" x1="0" x2="${width}" y1="${HEIGHT - FOOT}" y2="${HEIGHT - FOOT}"/>`
      rects = $$('.bars rect')
    }
    rects.forEach((rect, i) => { if (rect.classList.contains('on') !== i < r) rect.classList.toggle('on') })
    const x = r * step, left = x > width * .5, kept = $('.kept')
    for (const [k, v] of Object.entries({ x1: x, x2: x, y1: 8, y2: HEIGHT - FOOT })) $('line.cut').setAttribute(k, v)
    $('circle.cut').setAttribute('cx', clamp(x, 6, width - 6)); $('circle.cut').setAttribute('cy', 8)
    kept.setAttribute('x', x + (left ? -12 : 12)); kept.setAttribute('y', 13); kept.setAttribute('text-anchor', left ? 'end' : 'start')
  }

  // ---- moving: paint at once, tell the server on release ----
  function setRank(r) {
    if (r === S.rank) return
    S.rank = r
    rank.value = ranks().indexOf(r)
    ask()
  }
  function commit() {                                        // one message, and only if something changed
    waiting = false
    const state = JSON.stringify(S)
    if (data.compact || state === sent) return
    sent = state
    send({ ...S })
  }
  const release = () => { if (keyed) waiting = true; else commit() }  // a held key repeats: wait until it is let go
  for (const input of [rank, alpha]) {
    input.addEventListener('keydown', () => { keyed = true })
    input.addEventListener('change', release)
    for (const end of ['keyup', 'blur']) input.addEventListener(end, () => { keyed = false; if (waiting) commit() })
  }
  rank.addEventListener('input', () => { S.rank = ranks()[rank.value]; ask() })
  alpha.addEventListener('input', () => { S.alpha = Number(alpha.value); ask() })

  const along = event => {
    const box = strip.getBoundingClientRect(), at = Math.ceil(clamp((event.clientX - box.left) / box.width, 0, 1) * data.most) || 1
    setRank(cutting() ? at : nearest(at))
  }
  strip.addEventListener('pointerdown', event => { strip.setPointerCapture(event.pointerId); dragging = true; along(event) })
  strip.addEventListener('pointermove', event => { if (dragging) along(event) })
  for (const end of ['pointerup', 'pointercancel']) strip.addEventListener(end, () => { if (dragging) { dragging = false; commit() } })
  strip.addEventListener('keydown', event => {
    const all = ranks(), at = all.indexOf(S.rank)
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 4, PageUp: at + 4, Home: 0, End: all.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    setRank(all[clamp(to, 0, all.length - 1)])
    waiting = true
  })
  for (const end of ['keyup', 'blur']) strip.addEventListener(end, () => { if (waiting) commit() })

  // ---- choices that need other arrays: the server brings them ----
  function choose(change) {
    Object.assign(S, change)
    if ('mode' in change && cutting()) S.rule = data.source
    if (!cutting() && !data.ranks.includes(S.rank)) S.rank = nearest(S.rank)
    if ('mode' in change || 'rule' in change) S.alpha = data.trained[S.rule]
    controls()
    commit()
  }
  $('#layer').addEventListener('change', event => choose({ layer: event.target.value }))
  for (const radio of $$('[type=radio]')) radio.addEventListener('change', () => choose({ [radio.name]: radio.value }))

  // ---- words and controls ----
  function relabel() {
    for (const node of $$('[data-t]')) node.innerHTML = rich(text[node.dataset.t])
    for (const node of $$('[data-label]')) node.ariaLabel = text[node.dataset.label]
    $('#layer').replaceChildren(...Object.entries(data.layers).map(([name, title]) => new Option(title, name)))
    if (data.figure) putRich('caption', `**${plain('figure', { n: data.figure })}** ${text.caption}`)
    else putRich('caption', text.caption)
  }
  function controls() {
    for (const radio of $$('[type=radio]')) {
      radio.checked = S[radio.name] === radio.value
      if (radio.name === 'rule') radio.disabled = cutting()
    }
    $('#layer').value = S.layer
    rank.min = 0; rank.max = ranks().length - 1; rank.value = ranks().indexOf(S.rank)
    ;[alpha.min, alpha.max, alpha.step] = data.alphas[S.rule]; alpha.value = S.alpha; alpha.disabled = cutting()
    strip.ariaValueMin = '1'; strip.ariaValueMax = String(data.most)
    root.dataset.mode = S.mode
    putRich('says', words(cutting() ? 'compress_says' : 'retrain_says', { trained: data.most, n: data.ranks.length }))
  }
  function dress() {                                         // what changes with the layer or the language only
    const { m, n, limit } = D, size = `${m} × ${n}`, single = cutting() && Math.abs(gamma() - 1) < 1e-9
    for (const name of ['W', 'BA']) put(`size_${name}`, size)
    put('name_BA', single ? 'BA' : 'γBA'); put('op', single ? 'γ' : '')
    put('low', number(-limit, 3)); put('high', `+${number(limit, 3)}`)
    for (const [k, key] of Object.entries({ W: 'picture_W', A: 'picture_A', B: 'picture_B', BA: 'picture_BA', Z: 'picture_Z' })) canvas[k].ariaLabel = plain(key, { m, n })
    $('.hair').setAttribute('viewBox', `0 0 ${n} ${m}`)
    if (cell) cell = [Math.min(cell[0], m - 1), Math.min(cell[1], n - 1)]
    const losses = D.adapters.map(a => a.loss), told = !cutting() && losses.every(loss => loss !== null)
    root.classList.toggle('told', told)
    $('.losses thead tr').innerHTML = `<th scope="row">${rich(text.rank)}</th>` + data.ranks.map(r => `<th scope="col">${r}</th>`).join('')
    $('.losses tbody tr').innerHTML = `<th scope="row">${rich(text.loss)}</th>` + (told ? losses.map(x => `<td>${number(x, 3, true)}</td>`).join('') : '')
    placed = ''
    place()
  }
  function place() {                                         // from the room there is; the first letters stay where they are
    const width = root.clientWidth, key = `${width} ${devicePixelRatio}`
    if (!D || !width || placed === key) return
    placed = key
    stripWidth = strip.clientWidth
    const { m, n } = D, { way, px, q } = arrange(data.compact ? $('.stage').clientWidth : width, m, n, data.compact ? data.most / 2 : data.most, data.compact)
    root.dataset.way = way
    for (const [name, value] of Object.entries({ m, n, k: data.compact ? data.most / 2 : data.most, px: `${px}px`, q: `${q}px` })) root.style.setProperty(`--${name}`, value)
    ask()
  }
  function recolour() {
    table = colours(root)
    if (!D) return
    paintMatrix(canvas.W, D.W, D.m, D.n, D.n, 1, D.limit, table)
    ask()
  }
  const resized = new ResizeObserver(place), schemes = ['(prefers-color-scheme: dark)', 'print'].map(query => matchMedia(query))
  resized.observe(root)
  for (const scheme of schemes) scheme.addEventListener('change', recolour)
  table = colours(root)

  return {
    update(next, tell) {
      const reworded = !data || JSON.stringify(next.text) !== JSON.stringify(text), moved = next.visit !== visit
      const other = D?.signature !== next.layer.signature
      data = next; text = next.text; send = tell; visit = next.visit
      root.classList.toggle('is-compact', data.compact)
      if (moved) { S = { ...data.opened }; sent = JSON.stringify(S) }
      if (other) D = decode(data.layer)
      if (reworded) relabel()
      if (!ready()) return
      controls()
      dress()
      recolour()
      cancelAnimationFrame(frame)
      paint()
    },
    destroy() {
      resized.disconnect()
      for (const scheme of schemes) scheme.removeEventListener('change', recolour)
      clearTimeout(said); cancelAnimationFrame(frame)
    },
  }
}
