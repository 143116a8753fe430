// Explains a term of the text where it stands: under the pointer, with the keyboard's focus, or at a tap.
//   The words are those of the element that describes the term; Escape, a scroll or the way on closes them.
const LEAVING = 180                         // ms to reach the explanation with the pointer
let started = false

export default function () {
  if (started) return
  started = true
  const tip = document.createElement('div')
  let term, timer = 0
  tip.className = 'pradit-term'
  tip.ariaHidden = 'true'                   // the term is described by the same words already
  const termAt = node => node?.closest?.('.term')

  function show(next) {
    clearTimeout(timer)
    if (next === term) return
    close()
    const words = document.getElementById(next.getAttribute('aria-describedby'))
    if (!words) return
    term = next
    term.classList.add('told')
    tip.lang = words.closest('[lang]')?.lang ?? ''
    tip.replaceChildren(...[...words.children].map(child => child.cloneNode(true)))
    document.body.append(tip)
    const line = term.getClientRects()[0], box = tip.getBoundingClientRect()
    const left = Math.min(innerWidth - box.width - 16, Math.max(16, line.left + line.width / 2 - box.width / 2))
    const above = line.top - box.height - 8
    tip.style.left = `${left}px`
    tip.style.top = `${above > 70 ? above : line.bottom + 8}px`
  }
  function close() {
    clearTimeout(timer)
    term?.classList.remove('told')
    term = undefined
    tip.remove()
  }
  const leave = () => { clearTimeout(timer); timer = setTimeout(close, LEAVING) }

  document.addEventListener('pointerover', event => {
    if (event.pointerType === 'touch') return
    const next = termAt(event.target)
    if (next) show(next)
    else if (event.target === tip || tip.contains(event.target)) clearTimeout(timer)
    else if (term && term !== document.activeElement) leave()
  })
  document.addEventListener('focusin', event => { const next = termAt(event.target); if (next) show(next); else close() })
  document.addEventListener('focusout', event => { if (termAt(event.target)) leave() })
  document.addEventListener('click', event => {
    const next = termAt(event.target)
    if (next) show(next)
    else if (!tip.contains(event.target)) close()
  })
  document.addEventListener('keydown', event => { if (event.key === 'Escape') close() })
  document.addEventListener('scroll', event => { if (term && event.target !== tip) close() }, { capture: true, passive: true })
}
