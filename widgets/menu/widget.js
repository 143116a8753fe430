// The navigation of every page.
//   data.form     'bar': wordmark, destinations, what is playing, and the sheet; 'tabs': the pages of one destination
//   data.places   [{title, pages: [{key, path, title, line}]}]; data.here: key of the page that is shown
import { address } from '../shared/address.js'
import { createHear } from './hear.js'
import { createSheet } from './sheet.js'

const WIDE = matchMedia('(min-width: 60.01rem)')
const LISTEN = { key: 'listen', path: '', query: 'view=listen&' }
const mounted = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.root')
  let menu = mounted.get(root)
  if (!menu) mounted.set(root, (menu = createMenu(root, data.form)))
  menu.update(data, page => setTriggerValue('page', page))
  return () => { menu.end(); mounted.delete(root) }
}

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Whether a press is for us: any other opens a tab, a window, or saves. */
const plain = event => event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)

// A way to another page is one entry of the history: Streamlit writes the address three times until the language stands in it.
const ON_THE_WAY = 3000 // ms after which what is written is another entry again
let end = 0
function oneEntry() {
  clearTimeout(end)
  delete history.pushState
  const push = History.prototype.pushState
  let written = false
  history.pushState = function (...entry) {
    if (written) return this.replaceState(...entry)
    written = true
    return push.apply(this, entry)
  }
  end = setTimeout(() => { delete history.pushState }, ON_THE_WAY)
}

function createMenu(root, form) {
  const over = new AbortController(), { signal } = over
  for (const part of root.querySelectorAll(`[data-part]:not([data-part=${form}])`)) part.remove()
  const hear = form === 'bar' ? createHear(root) : null, sheet = form === 'bar' ? createSheet(root, signal) : null
  let built = '', here, go

  root.addEventListener('click', event => {
    const link = event.target.closest('a[data-page]')
    if (!link || !plain(event)) return
    event.preventDefault()
    sheet?.close()
    oneEntry()
    go(link.dataset.page)
  })
  if (sheet) WIDE.addEventListener('change', () => sheet.close(), { signal })

  const item = (page, ...children) => element('li', {}, element('a', { 'data-page': page.key }, ...children))
  /** The links, without words: those are of a language. */
  function build({ places }) {
    const shape = JSON.stringify(places.map(place => place.pages.map(page => page.key)))
    if (shape === built) return
    built = shape
    if (form === 'tabs') return root.querySelector('ul').replaceChildren(...places[0].pages.map(page => item(page)))
    root.querySelector('.places ul').replaceChildren(...places.map(place => item(place.pages[0])))
    root.querySelector('.every').replaceChildren(...places.map(place => element(
      'section', {},
      element('h2', { hidden: '' }),
      element('ul', {}, ...place.pages.map(page => item(page, element('strong'), element('span')))),
    )))
  }
  const current = (link, is) => (is ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current'))
  function write({ places, text = {} }) {
    for (const node of root.querySelectorAll('[data-t]')) node.textContent = text[node.dataset.t]
    for (const nav of root.querySelectorAll('.places, .every')) nav.ariaLabel = text.pages
    const tabs = [...root.querySelectorAll('.tabs a')], tops = [...root.querySelectorAll('.places a')]
    const sections = [...root.querySelectorAll('.every section')]
    if (form === 'tabs') root.querySelector('.tabs').ariaLabel = places[0].title
    places.forEach(({ title, pages }, i) => {
      const inside = pages.some(page => page.key === here)
      if (tops.length) {
        tops[i].textContent = title
        current(tops[i], inside)
        const heading = sections[i].querySelector('h2')
        heading.textContent = title
        heading.hidden = pages.length === 1 && pages[0].title === title
      }
      pages.forEach((page, j) => {
        const line = sections[i]?.querySelectorAll('a')[j], tab = tabs[j]
        if (tab) tab.textContent = page.title
        if (line) [line.firstChild.textContent, line.lastChild.textContent] = [page.title, page.line]
        for (const link of [line, tab]) if (link) current(link, page.key === here)
      })
    })
  }
  function lead({ places, language }) {
    const pages = new Map([LISTEN, ...places.flatMap(place => place.pages)].map(page => [page.key, page]))
    for (const link of root.querySelectorAll('a[data-page]')) {
      const { path, query = '' } = pages.get(link.dataset.page)
      link.href = address(`${path || '.'}?${query}lang=${language}`)
    }
  }

  return {
    update(data, follow) {
      go = follow
      if (here !== data.here) sheet?.close()
      here = data.here
      build(data)
      write(data)
      lead(data)
      sheet?.update(data)
      hear?.update(data.text)
    },
    end() { over.abort(); hear?.end() },
  }
}
