// The keyboard and the pointer on the page's own text. Controls keep their keys: a letter or a space counts
// only where nothing else has the focus in the Listen view, or inside the player.
const OWN = 'input, select, textarea, [contenteditable], [role=slider], [role=radio], [role=tab], [role=option]'

export function listenToPage(player, marks, inside) {
  const sentenceAt = node => node?.closest?.('.st-key-listen_text [data-s]')
  const hear = (node, event) => {
    const sentence = sentenceAt(node), id = sentence?.dataset.s ?? node?.closest?.('[data-hear]')?.dataset.hear
    if (!id || (sentence && !getSelection().isCollapsed)) return
    event.preventDefault()
    marks.attend()
    player.start(player.page.language, id)
  }
  document.addEventListener('click', event => hear(event.target, event))
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !player.track) return
    const target = event.composedPath()[0], sentence = sentenceAt(target)
    if (['Enter', ' '].includes(event.key) && (sentence || target.closest?.('[data-hear]'))) return hear(target, event)
    if (sentence && ['ArrowUp', 'ArrowDown'].includes(event.key)) {
      const all = [...document.querySelectorAll('.st-key-listen_text [data-s]')]
      const next = all[all.indexOf(sentence) + (event.key === 'ArrowUp' ? -1 : 1)]
      event.preventDefault()
      if (next) [sentence.tabIndex, next.tabIndex] = [-1, 0]
      return next?.focus()
    }
    const listening = !!document.querySelector('.st-key-listen_text')
    const free = target === document.body || target === document.documentElement || target.matches?.('[data-testid=stMain]')
    if (!inside(event) && !sentence && !(listening && free)) return
    if (target.matches?.(OWN)) return
    if (event.key === ' ' && target.matches?.('button, a, summary, [role=button]')) return
    const keys = {
      ' ': () => player.toggle(), k: () => player.toggle(), j: () => player.skip(-15), l: () => player.skip(15),
      ArrowLeft: () => player.step(-1), ArrowRight: () => player.step(1),
    }
    const action = keys[event.key] ?? keys[event.key.toLowerCase()]
    if (!action) return
    event.preventDefault()
    action()
  })
}

// A button beside what the reader has selected in the article.
export function offerSelection(button, player, marks) {
  let first
  const look = () => {
    const selection = getSelection(), range = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0) : undefined
    const text = document.querySelector('.st-key-article_text')
    first = undefined
    if (range && text?.contains(range.commonAncestorContainer)) {
      first = [...text.querySelectorAll('.s[data-s], .formula[data-s]')].find(sentence => range.intersectsNode(sentence))
    }
    button.hidden = !first
    if (!first) return
    const box = range.getBoundingClientRect(), tall = 44
    if (box.bottom < 56 || box.top > innerHeight) return void (button.hidden = true)
    button.style.left = `${Math.min(innerWidth - 90, Math.max(90, box.left + box.width / 2))}px`
    const above = box.top - tall - 8
    button.style.top = `${above > 64 && above < innerHeight - tall ? above : Math.min(innerHeight - tall - 8, box.bottom + 8)}px`
  }
  let timer = 0
  document.addEventListener('selectionchange', () => { clearTimeout(timer); timer = setTimeout(look, 150) })
  document.addEventListener('scroll', () => { if (first) look() }, { capture: true, passive: true })
  button.addEventListener('pointerdown', event => event.preventDefault())
  button.addEventListener('click', () => {
    const id = first?.dataset.s, language = first?.lang || player.page.language
    getSelection().removeAllRanges()
    button.hidden = true
    if (!id) return
    marks.attend()
    player.start(language, id)
  })
}
