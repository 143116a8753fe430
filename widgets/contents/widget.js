// The contents. The page's scroller is Streamlit's own; headings and sentences are found in the document.
//   data.items     [id of a heading, its title in parts], in order; each second part is a word kept whole
//   data.language  of the text: when it changes, the sentence being read keeps its place
const SETTLED = 8000                        // ms without a change of height after which layout, fonts and figures have settled
const lists = new WeakMap()
// The hash that the page was opened with; Streamlit may have set the query, and lost the hash, before we come.
let opened = new URL(performance.getEntriesByType('navigation')[0].name).hash
const wide = matchMedia('(min-width: 56.01rem)')
const still = matchMedia('(prefers-reduced-motion: reduce)')

export default function ({ data, parentElement }) {
  let list = lists.get(parentElement)
  if (!list) lists.set(parentElement, list = createList(parentElement))
  list.update(data)
  return () => { list.destroy(); lists.delete(parentElement) }
}

const scroller = () => document.querySelector('[data-testid="stMain"]')
const top = element => element.getBoundingClientRect().top
const line = () => Math.max(160, innerHeight * 0.3)         // a heading above this line has been reached

// Call `place` at each change of the page's height, until none has come for a while or the reader takes over.
function hold(place) {
  const over = new AbortController(), { signal } = over
  let timer = 0
  const again = () => {
    clearTimeout(timer)
    timer = setTimeout(() => over.abort(), SETTLED)
    place()
  }
  for (const type of ['wheel', 'touchstart', 'pointerdown', 'keydown']) {
    addEventListener(type, () => over.abort(), { signal, passive: true, capture: true })
  }
  const watch = new ResizeObserver(again)
  watch.observe(scroller().firstElementChild)
  signal.addEventListener('abort', () => { watch.disconnect(); clearTimeout(timer) })
  document.fonts.ready.then(() => signal.aborted || place())
  again()
  return over
}

// Once the first screen, which the page is served with, has gone: before, it is what is read.
function whenAlone(run) {
  const first = document.getElementById('first')
  if (!first) return run()
  const watch = new MutationObserver(() => {
    if (first.isConnected) return
    watch.disconnect()
    run()
  })
  watch.observe(first.parentNode, { childList: true })
}

function whole(word) {
  const span = document.createElement('span')
  span.className = 'nb'
  span.textContent = word
  return span
}

function createList(root) {
  const [nav, details, summary, ol] = ['nav', 'details', 'summary', 'ol'].map(tag => root.querySelector(tag))
  const over = new AbortController(), { signal } = over
  const main = scroller()
  let items = [], language, current, read, holding, asked = 0

  const fold = () => {
    details.open = wide.matches
    summary.tabIndex = wide.matches ? -1 : 0
  }
  const address = id => {
    const hash = id ? `#${id}` : ''
    if (location.hash !== hash) history.replaceState(history.state, '', location.pathname + location.search + hash)
  }

  function show(id) {
    current = id
    for (const link of ol.querySelectorAll('a')) {
      if (link.hash === `#${id}`) link.setAttribute('aria-current', 'location')
      else link.removeAttribute('aria-current')
    }
  }

  function look() {
    asked = 0
    const headings = items.map(([id]) => document.getElementById(id)).filter(Boolean)
    if (!headings.length) return
    const reached = headings.filter(heading => top(heading) < line())
    const end = main.scrollTop > 0 && main.scrollHeight - main.scrollTop - main.clientHeight < 4
    const here = end ? headings.at(-1) : reached.at(-1)
    const id = (here ?? headings[0]).id
    if (id !== current) {
      show(id)
      if (!holding || holding.signal.aborted) address(here?.id)
    }
    remember()
  }

  // The first sentence below the line: its place is kept when the language changes.
  function remember() {
    if (holding && !holding.signal.aborted) return
    if (document.documentElement.lang !== language) return    // the page is on its way to another language
    const sentences = [...document.querySelectorAll('[data-s]')]
    let low = 0, high = sentences.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (top(sentences[middle]) < line()) low = middle + 1
      else high = middle
    }
    const sentence = main.scrollTop > 0 && sentences[low]
    read = sentence ? { id: sentence.dataset.s, top: top(sentence) } : null
  }

  function keep({ id, top: before }) {
    const sentence = document.querySelector(`[data-s="${CSS.escape(id)}"]`)
    if (sentence) main.scrollBy({ top: top(sentence) - before, behavior: 'instant' })
  }

  function go(event) {
    const link = event.target.closest('a')
    if (!link) return
    event.preventDefault()
    const heading = document.getElementById(link.hash.slice(1))
    if (!heading) return
    if (!wide.matches) details.open = false
    heading.scrollIntoView({ behavior: still.matches ? 'instant' : 'smooth' })
    heading.tabIndex = -1
    heading.focus({ preventScroll: true })
    address(heading.id)
  }

  function land() {
    const id = decodeURIComponent((location.hash || opened).slice(1))
    opened = ''
    if (!id) return
    address(id)
    holding = { signal: { aborted: false }, abort() {} }  // so that nothing else moves the address meanwhile
    whenAlone(() => { holding = hold(() => document.getElementById(id)?.scrollIntoView({ behavior: 'instant' })) })
  }

  const ask = () => { asked ||= requestAnimationFrame(look) }
  main.addEventListener('scroll', ask, { signal, passive: true })
  addEventListener('resize', ask, { signal })
  wide.addEventListener('change', fold, { signal })
  ol.addEventListener('click', go, { signal })
  fold()
  land()

  return {
    update(data) {
      const changed = language && language !== data.language
      language = data.language
      items = data.items
      nav.ariaLabel = summary.textContent = data.title
      ol.replaceChildren(...items.map(([id, parts]) => {
        const item = document.createElement('li'), link = document.createElement('a')
        link.href = `#${id}`
        link.append(...parts.map((part, i) => i % 2 ? whole(part) : part))
        item.append(link)
        return item
      }))
      show(current ?? items[0]?.[0])
      if (changed && read) {
        const place = read
        holding = hold(() => keep(place))
      }
      ask()
    },
    destroy() {
      over.abort()
      holding?.abort()
      cancelAnimationFrame(asked)
    },
  }
}
