// What tests of access ask of a page as a whole, the shadow roots of its widgets included. Put into every page before its own scripts.
window.access = (() => {
  const frame = window.requestAnimationFrame
  let asked = 0
  window.requestAnimationFrame = draw => { asked++; return frame.call(window, draw) }
  const CONTROLS = 'a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex],' +
    '[role=button],[role=radio],[role=slider],[role=checkbox],[role=switch],[role=tab],[role=option],[role=combobox]'
  const TALL = 'ปี่ ฟื้น ที่ ฎู ญู ฐุ' // marks in two storeys above, letters and vowels below the line

  /** Every element, in the order of the document, those of shadow roots where their host stands. */
  function* all(root = document) {
    for (const element of root.querySelectorAll('*')) {
      yield element
      if (element.shadowRoot) yield* all(element.shadowRoot)
    }
  }
  const clips = (each, way) => /hidden|clip/.test(getComputedStyle(each)[way])
  const above = node => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null
  function* up(node) { for (let at = node; at; at = above(at)) yield at }
  const within = (node, place) => [...up(node)].includes(place)
  const find = (node, test) => [...up(node)].find(test)
  const seen = element => element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().width > 1
  /** Only for those who do not see: a box of a pixel; or in the menu while that is closed. */
  const hidden = element => Boolean(find(element, each => each.classList.contains('vh') || each.offsetWidth <= 1 && clips(each, 'overflowX') || each.matches('[data-collapsed=true]')))
  const floats = element => find(element, each => /fixed|sticky/.test(getComputedStyle(each).position))
  const main = () => document.querySelector('[data-testid=stMain]')
  function name(element) {
    const place = find(element, each => /st-key-/.test(each.className?.baseVal ?? each.className ?? ''))
    const key = place?.className.match(/st-key-\w+/)?.[0] ?? ''
    const words = (element.ariaLabel || element.textContent || element.value || '').trim().slice(0, 40)
    return `${key} ${element.localName}${element.id ? '#' + element.id : ''}.${element.getAttribute('class') ?? ''} "${words}"`
  }

  // ---- targets ----
  function hit(x, y) {
    let found = document.elementFromPoint(x, y)
    while (found?.shadowRoot) {
      const inner = found.shadowRoot.elementFromPoint(x, y)
      if (!inner || inner === found) break
      found = inner
    }
    return found
  }
  /** A link or a term among the words of a sentence, or the sentence itself: WCAG 2.5.8 leaves their size to the line. */
  function inline(element) {
    if (getComputedStyle(element).display !== 'inline') return false
    const line = find(above(element), each => getComputedStyle(each).display !== 'inline')
    return line.textContent.trim().length > element.textContent.trim().length || element.matches(':is(p, li) .s')
  }
  /** What takes the finger for a control: a hidden input's label, the whole of a field. */
  function target(element) {
    if (element.matches('[type=radio],[type=checkbox],[type=file]')) return element.closest('label') ?? element
    if (element.matches('[data-testid=stSlider] input')) return element.closest('[role=group]').firstElementChild
    return element.closest('[data-testid=stSelectbox] [role=group],[data-testid=stNumberInputContainer],[data-testid=stTextInputRootElement]') ?? element
  }
  /** Controls that a finger of `least` px, in the middle of them, does not hit. */
  function small(least) {
    const found = new Set(), half = least / 2 - 1
    const controls = new Set([...all()].filter(each => each.matches(CONTROLS) && each.tabIndex >= -1 && !each.disabled).map(target))
    for (const element of controls) {
      if (!seen(element) || hidden(element) || element.matches('[tabindex="-1"]:not([role])') || inline(element)) continue
      element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' })
      const box = element.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2
      const missed = [[-half, 0], [half, 0], [0, -half], [0, half]].filter(([dx, dy]) => {
        const at = hit(x + dx, y + dy)
        return !at || !(within(at, element) || at.control === element || at.closest?.('label')?.control === element)
      })
      if (missed.length) found.add(`${name(element)} ${Math.round(box.width)}x${Math.round(box.height)} misses ${missed.join(' ')}`)
    }
    return [...found]
  }

  // ---- room ----
  const scrolls = each => /auto|scroll/.test(getComputedStyle(each).overflowX) && each !== main() && each !== document.documentElement
  /** What stands outside the window and cannot be scrolled to by itself. */
  function wide() {
    const found = []
    for (const [what, place] of [['page', main()], ['document', document.documentElement]]) {
      if (place.scrollWidth > place.clientWidth + 1) found.push(`${what} ${place.scrollWidth} > ${place.clientWidth}`)
    }
    const limit = main().getBoundingClientRect().right
    for (const element of all(main())) {
      if (!seen(element) || hidden(element) || element.closest('.katex-mathml')) continue
      const box = element.getBoundingClientRect()
      if (box.height && (box.right > limit + 1 || box.left < -1) && !find(above(element), each => scrolls(each) || /hidden|clip/.test(getComputedStyle(each).overflowX) && each !== main() && within(each, main()))) {
        found.push(`${name(element)} ${Math.round(box.left)}..${Math.round(box.right)} of ${limit}`)
      }
    }
    return found
  }
  /** The boxes around an element that cut off or roll what is in them, the innermost last; `known` for one look. */
  function frames(element, known) {
    if (!element || element === document.documentElement || element.contains(main())) return []
    if (!known.has(element)) {
      const { position, overflowX, overflowY } = getComputedStyle(element), box = element.getBoundingClientRect()
      const around = position === 'fixed' ? [] : frames(above(element), known)
      const own = { element, left: box.left, right: box.right, top: box.top, bottom: box.bottom, x: overflowX, y: overflowY }
      known.set(element, overflowX === 'visible' && overflowY === 'visible' ? around : [...around, own])
    }
    return known.get(element)
  }
  const cuts = overflow => /hidden|clip/.test(overflow), rolls = overflow => /auto|scroll/.test(overflow)
  /** Pieces of text with their rectangles, one a line. */
  function* texts() {
    const walk = function* (root) {
      for (const element of [...all(root)]) {
        if (element.closest('.katex,.katex-mathml,script,style,title,noscript,option,details:not([open]) > :not(summary)') || hidden(element)) continue
        for (const node of element.childNodes) {
          if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue
          if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) break
          const range = document.createRange()
          range.selectNodeContents(node)
          yield [element, node.data.trim(), [...range.getClientRects()].filter(box => box.width > 1)]
        }
      }
    }
    yield* walk(document.body)
  }
  /** Text that a box cuts off, sideways or below. */
  function cut() {
    const found = new Set(), known = new Map()
    for (const [element, words, boxes] of texts()) {
      for (const each of frames(element, known).toReversed()) {
        if (rolls(each.x)) break
        const over = boxes.some(box => (cuts(each.x) && (box.right > each.right + 2 || box.left < each.left - 2)) || (cuts(each.y) && box.top + box.height / 2 > each.bottom))
        if (over) found.add(`${name(element)} "${words.slice(0, 40)}" in ${name(each.element).slice(0, 80)}`)
      }
    }
    return [...found]
  }
  /** Lines of text that stand on each other, where both scroll with the page. */
  function overlaps() {
    const lines = [], top = main().scrollTop, known = new Map()
    for (const [element, words, boxes] of texts()) {
      if (!within(element, main()) || floats(element) || element.closest('sup,sub,svg')) continue
      const around = frames(element, known)
      for (const box of boxes) {
        if (around.some(frame => box.bottom > frame.bottom + 2 || box.top < frame.top - 2)) continue
        const third = box.height / 3, left = Math.max(box.left, ...around.map(frame => frame.left)), right = Math.min(box.right, ...around.map(frame => frame.right))
        lines.push({ element, words, left: left + 1, right: right - 1, top: box.top + top + third, bottom: box.bottom + top - third })
      }
    }
    lines.sort((a, b) => a.top - b.top)
    const found = new Set()
    lines.forEach((a, i) => {
      for (let k = i + 1; k < lines.length && lines[k].top < a.bottom; k++) {
        const b = lines[k]
        if (a.element !== b.element && a.left < b.right && b.left < a.right && a.right > a.left && b.right > b.left) found.add(`${name(a.element)} "${a.words.slice(0, 30)}" on ${name(b.element)} "${b.words.slice(0, 30)}"`)
      }
    })
    return [...found]
  }

  // ---- Thai ----
  const context = document.createElement('canvas').getContext('2d')
  /** Thai text whose tallest marks would be cut off by a box, or run into the line above. */
  function clipped() {
    const found = new Set(), known = new Map(), thai = /[\u0E00-\u0E7F]/
    for (const [element, words, boxes] of texts()) {
      if (!thai.test(words) || !boxes.length) continue
      const style = getComputedStyle(element)
      context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`
      const { fontBoundingBoxAscent: from, fontBoundingBoxDescent: to, actualBoundingBoxAscent: up_, actualBoundingBoxDescent: down } = context.measureText(TALL)
      const line = style.lineHeight === 'normal' ? from + to : parseFloat(style.lineHeight)
      const rows = new Set(boxes.map(box => Math.round(box.top))).size
      if (rows > 1 && line < up_ + down) found.add(`${name(element)}: lines of ${line} px, marks of ${(up_ + down).toFixed(1)} px`)
      for (const each of frames(element, known)) {
        if (each.y === 'visible') continue
        const [first, last] = [boxes[0], boxes.at(-1)], left = each.element.scrollHeight - each.element.clientHeight
        const over = each.top - first.top - from + up_, below = last.top + from + down - each.bottom
        if (over > 0.6 && !each.element.scrollTop) found.add(`${name(element)}: ${over.toFixed(1)} px cut off above by ${name(each.element).slice(0, 60)}`)
        if (below > 0.6 && (cuts(each.y) || left < 8)) found.add(`${name(element)}: ${below.toFixed(1)} px cut off below by ${name(each.element).slice(0, 60)}`)
      }
    }
    for (const field of all()) {
      const said = field.localName === 'select' ? field.selectedOptions[0]?.textContent : field.localName === 'input' ? field.value || field.placeholder : ''
      if (!said || !thai.test(said) || !seen(field) || getComputedStyle(field).opacity === '0') continue
      const style = getComputedStyle(field)
      context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`
      const { actualBoundingBoxAscent: up_, actualBoundingBoxDescent: down } = context.measureText(TALL)
      const room = field.clientHeight - (field.localName === 'select' ? 0 : parseFloat(style.paddingTop) + parseFloat(style.paddingBottom))
      if (room + 1 < up_ + down) found.add(`${name(field)}: room of ${room} px, marks of ${(up_ + down).toFixed(1)} px`)
    }
    return [...found]
  }

  // ---- motion ----
  const longest = times => Math.max(...times.split(',').map(each => parseFloat(each) * (each.trim().endsWith('ms') ? 1 : 1000)))
  /** What would move for more than `most` ms, and what moves now. */
  function moving(most) {
    const found = new Set()
    for (const element of all()) {
      for (const part of [null, '::before', '::after']) {
        const style = getComputedStyle(element, part)
        if (part && style.content === 'none') continue
        if (style.animationName !== 'none' && longest(style.animationDuration) > most) found.add(`${name(element)}${part ?? ''} animation ${style.animationName} ${style.animationDuration}`)
        if (style.transitionProperty !== 'none' && longest(style.transitionDuration) > most) found.add(`${name(element)}${part ?? ''} transition ${style.transitionProperty} ${style.transitionDuration}`)
      }
      if (getComputedStyle(element).scrollBehavior === 'smooth') found.add(`${name(element)} scrolls smoothly`)
    }
    for (const root of [document, ...[...all()].map(each => each.shadowRoot).filter(Boolean)]) {
      for (const each of root.getAnimations()) {
        if (each.effect.getComputedTiming().activeDuration > most) found.add(`runs: ${each.animationName ?? each.transitionProperty} of ${name(each.effect.target)}`)
      }
    }
    return [...found]
  }

  /** How often the page asks for a frame in `frames` of them, when nothing happens. */
  async function restless(frames) {
    asked = 0
    for (let i = 0; i < frames; i++) await new Promise(done => frame.call(window, done))
    return asked
  }

  // ---- the keyboard ----
  const stops = []
  let gap = null // what is leapt over: the last stop before, and where it goes on
  const start = () => { active()?.blur(); stops.length = 0; gap = null }
  /** On to the last element of a kind, over what stands between. */
  function leap(selector) {
    const goal = [...document.querySelectorAll(selector)].at(-1)
    gap = [stops.at(-1).element, goal]
    goal.focus()
    stop()
    return stops.length - 1
  }
  function active() {
    let found = document.activeElement
    while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
    return found === document.body ? null : found
  }
  const shown = each => !hidden(each) && getComputedStyle(each).opacity !== '0'
  /** What may show that `element` has the focus: itself, what stands around it, what is drawn in it. */
  function* rings(element) {
    for (const each of [...[...up(element)].slice(0, 4), ...[...element.children].slice(0, 8)]) {
      if (!shown(each)) continue
      for (const part of [null, '::before', '::after']) {
        const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, stroke } = getComputedStyle(each, part)
        yield [each, [outlineStyle !== 'none' && parseFloat(outlineWidth) ? outlineColor : '', boxShadow === 'none' ? '' : boxShadow, borderColor, stroke === 'none' ? '' : stroke]]
      }
    }
  }
  const rgb = text => [...text.matchAll(/rgba?\(([^)]+)\)/g)].map(found => found[1].split(/[ ,/]+/).map(Number)).filter(([, , , a = 1]) => a > 0.5)
  const light = ([r, g, b]) => [r, g, b].map(each => each / 255).map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4).reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0)
  const contrast = (a, b) => { const [most, least] = [light(a), light(b)].sort((x, y) => y - x); return (most + 0.05) / (least + 0.05) }
  function ground(element) {
    for (const each of up(element)) {
      const [found] = rgb(getComputedStyle(each).backgroundColor)
      if (found) return found
    }
    return [255, 255, 255]
  }
  /** After a press of Tab: note where the focus is; false when it has been there, or has left the page. */
  function stop() {
    const element = active()
    if (!element || stops.some(each => each.element === element)) return false
    const box = target(element).getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
    const spots = [[x, y], [box.x + 3, y], [box.right - 3, y], [x, box.y + 3], [x, box.bottom - 3]]
    stops.push({
      element, ring: [...rings(element)],
      covered: box.width > 1 && !spots.some(([x, y]) => { const at = hit(x, y); return at && (within(at, target(element)) || within(element, at)) }),
      still: floats(element) || !within(element, main()),
      box: { left: box.left, right: box.right, top: box.top + main().scrollTop, bottom: box.bottom + main().scrollTop },
    })
    return true
  }
  /** At which stop of the way there the focus is on the way back. */
  const at = () => stops.findIndex(each => each.element === active())
  /** What was wrong on the way. */
  function walked() {
    active()?.blur()
    const wrong = new Set(), been = new Set(stops.map(each => each.element))
    for (const { element, ring, covered } of stops) {
      const now = new Map()
      for (const [each, said] of rings(element)) now.set(each, [...(now.get(each) ?? []), ...said])
      const changed = ring.flatMap(([each, said]) => said.filter(one => one && !now.get(each)?.includes(one)).flatMap(one => rgb(one).map(colour => contrast(colour, ground(above(each) ?? each)))))
      if (Math.max(0, ...changed) < 3) wrong.add(`no visible focus (${Math.max(0, ...changed).toFixed(1)}): ${name(element)}`)
      if (covered) wrong.add(`covered: ${name(element)}`)
    }
    stops.forEach(({ element, box: to, still }, i) => {
      const from = stops[i - 1]
      if (!from || still || from.still || gap?.[1] === element) return
      const { box } = from, middle = (to.top + to.bottom) / 2
      const above_ = to.bottom <= box.top + 4 && to.left < box.right - 4
      const before = to.right <= box.left + 4 && middle > box.top && middle < box.bottom
      if (above_ || before) wrong.add(`out of order: ${name(element)} after ${name(from.element)}`)
    })
    const list = [...all()], [from, to] = (gap ?? []).map(each => list.indexOf(each))
    for (const [i, element] of list.entries()) {
      if (gap && i > from && i < to) continue
      if (!element.matches(CONTROLS) || element.tabIndex < 0 || element.disabled || been.has(element) || hidden(element) || !seen(element) || find(element, each => each.inert)) continue
      const group = element.closest('[role=radiogroup],[role=toolbar]') // one stop, within it the arrow keys
      if (group && [...been].some(each => within(each, group))) continue
      if (element.type === 'radio' && [...been].some(each => each.name === element.name && each.getRootNode() === element.getRootNode())) continue
      wrong.add(`not reached: ${name(element)}`)
    }
    return [...wrong]
  }

  // ---- charts ----
  /** What a chart lacks: a heading, a name of what it measures, a sentence, a table, two files. */
  function bare() {
    const titles = [...main().querySelectorAll('h1,h2,h3,.ex-finding')].filter(each => each.textContent.trim())
    return [...all()].filter(each => each.matches('.pradit-figure') && seen(each)).flatMap(figure => {
      const lacks = [], plot = figure.querySelector('.pradit-figure-plot')
      const head = titles.findLast(each => each.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING)
      if (!head || figure.getBoundingClientRect().top - head.getBoundingClientRect().bottom > 300) lacks.push('title')
      if (!figure.querySelector('.annotation-text')?.textContent.trim()) lacks.push('unit')
      if ((plot.getAttribute('aria-label') ?? '').length < 20) lacks.push('sentence')
      if (!figure.querySelector('tbody tr') || figure.querySelector('details').hidden) lacks.push('table')
      for (const button of figure.querySelectorAll('.pradit-figure-save button')) if (!seen(button)) lacks.push(button.textContent)
      return lacks.map(each => `${name(figure)} lacks ${each}`)
    })
  }

  return { stops, start, leap, stop, at, walked, small, wide, cut, overlaps, clipped, moving, restless, bare, main }
})()
