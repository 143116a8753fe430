// What is spoken, marked in the page's own text: the sentence by a class, the word by a highlight over a range.
//   Offsets count a sentence's text with formulas as their TeX, without marks of notes and citations.
const ASIDE = 'sup.n, .cite, .side, .hear'
const TALL = 0.3                            // the spoken line is brought to this share of the window

export function createMarks(player) {
  const highlight = globalThis.Highlight && CSS.highlights ? new Highlight() : undefined
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  let element, pieces = [], id, spoken, word, follows = true, timer = 0
  if (highlight) {
    highlight.priority = 1
    CSS.highlights.set('pradit-word', highlight)
  }

  const scroller = () => document.querySelector('[data-testid="stMain"]')
  const listening = () => !!document.querySelector('.st-key-listen_text')
  // Where two languages stand side by side, the one that is spoken is marked.
  const find = name => document.querySelector(`[data-s="${CSS.escape(name)}"][lang="${player.language}"]`)
    ?? document.querySelector(`[data-s="${CSS.escape(name)}"]`)
    ?? (name.endsWith('-title') ? document.getElementById(name.slice(0, -6)) : null)

  function cut(root) {
    const found = []
    let at = 0
    const walk = node => {
      if (node.nodeType === Node.TEXT_NODE) {
        found.push({ node, start: at, end: at += node.data.length })
      } else if (node.nodeType === Node.ELEMENT_NODE && !node.matches(ASIDE)) {
        if (!node.matches('.katex')) return node.childNodes.forEach(walk)
        const tex = node.querySelector('annotation')?.textContent ?? ''
        found.push({ node: node.querySelector('.katex-html') ?? node, whole: true, start: at, end: at += tex.length })
      }
    }
    walk(root)
    return found
  }
  function rangeOf({ start, end }) {
    if (element.matches('.formula')) return // the whole of it is marked
    const first = pieces.find(piece => start < piece.end), last = pieces.findLast(piece => end > piece.start)
    if (!first || !last) return
    const range = document.createRange()
    if (first.whole) range.setStartBefore(first.node)
    else range.setStart(first.node, Math.max(0, start - first.start))
    if (last.whole) range.setEndAfter(last.node)
    else range.setEnd(last.node, Math.min(last.node.data.length, end - last.start))
    return range
  }

  const place = () => element?.getBoundingClientRect()
  const seen = () => { const box = place(); return !!box && box.bottom > 64 && box.top < innerHeight - 64 }
  function bring() {
    const box = place()
    if (!box || !box.height) return
    if (box.top > 100 && box.bottom < innerHeight * 0.72) return
    scroller()?.scrollBy({ top: box.top - innerHeight * TALL, behavior: still.matches ? 'instant' : 'smooth' })
  }
  // The reader's own scrolling ends the following, until the spoken sentence is in sight again.
  function leave(event) {
    if (event.type === 'keydown' && !['PageUp', 'PageDown', 'Home', 'End', 'ArrowUp', 'ArrowDown'].includes(event.key)) return
    if (!player.track || player.phase === 'idle') return
    clearTimeout(timer)
    timer = setTimeout(() => set(seen()), 400)
  }
  function set(value) {
    if (follows === value) return
    follows = value
    player.show()
  }
  for (const type of ['wheel', 'touchmove', 'keydown']) addEventListener(type, leave, { passive: true, capture: true })

  function mark() {
    const now = player.phase === 'idle' ? undefined : player.sentence?.id
    if (!now) {
      for (const old of document.querySelectorAll('.s.now, .spoken')) old.classList.remove('now', 'spoken')
      element = id = undefined
      highlight?.clear()
      return
    }
    const fresh = now !== id || player.language !== spoken || !element?.isConnected
    if (fresh) {
      const near = id === undefined ? true : seen()
      id = now
      spoken = player.language
      element = find(now)
      pieces = element ? cut(element) : []
      word = undefined
      for (const old of document.querySelectorAll('.s.now, .spoken')) if (old !== element) old.classList.remove('now', 'spoken')
      if (listening()) progress()
      if (element && player.busy && (listening() ? follows : near && follows)) bring()
    }
    element?.classList.add('now', 'spoken')
    const language = element?.closest('[lang]')?.lang
    const next = language === player.language ? player.word() : undefined
    if (next === word && !fresh) return
    word = next
    highlight?.clear()
    const range = next && element && rangeOf(next)
    if (range) highlight?.add(range)
  }
  // In the transcript, what has been heard is ink; only the spoken sentence is a tab stop.
  function progress() {
    let past = true
    for (const sentence of document.querySelectorAll('.st-key-listen_text .s')) {
      sentence.tabIndex = sentence === element ? 0 : -1
      if (sentence === element) sentence.setAttribute('aria-current', 'true')
      else sentence.removeAttribute('aria-current')
      sentence.classList.toggle('done', past)
      if (sentence === element) past = false
    }
  }
  return {
    mark,
    get follows() { return follows || !listening() || !element },
    follow() { set(true); bring() },
    // A sentence was pressed: from here on it is followed again.
    attend() { follows = true },
  }
}
