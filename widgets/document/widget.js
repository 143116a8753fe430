// What belongs to the whole document: <html lang>, which Streamlit fixes to "en", and the few words that
// Streamlit itself says to screen readers. Its nodes come and go, so an observer says them again.
let text = {}
let observer

const name = (selector, value) => {
  for (const node of document.querySelectorAll(selector)) {
    if (node.getAttribute('aria-label') !== value) node.setAttribute('aria-label', value)
  }
}

function translate() {
  const skip = document.querySelector('[data-testid="stSkipToContent"]')
  if (skip && skip.textContent !== text.skip) skip.textContent = text.skip
  name('[data-testid="stTopNav"]', text.navigation)
  name('[data-testid="stSidebarNav"]', text.navigation)
  name('[data-testid="stExpandSidebarButton"], [data-testid="stExpandSidebarButton"] button', text.open_menu)
  name('[data-testid="stSidebarCollapseButton"] button', text.close_menu)
  const more = document.querySelector('[data-testid="stTopNavSection"]')
  if (more && more.dataset.label !== text.more) more.dataset.label = more.ariaLabel = text.more
  for (const [index, value] of [text.english, text.thai].entries()) {
    const button = document.querySelectorAll('.st-key-lang [role=radio]')[index]
    if (!button || button.dataset.label === value) continue
    button.dataset.label = value
    button.lang = ['en', 'th'][index]
    button.setAttribute('aria-label', [text.english_name, text.thai_name][index])
  }
}

// The menu of narrow screens closes behind the reader: on the way to a page, and on Escape.
function closeMenu() {
  if (!matchMedia('(max-width: 48rem)').matches) return
  setTimeout(() => document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click(), 0)
}

const leave = ({ target, key }) => {
  if (key === 'Escape' || (!key && target.closest?.('[data-testid="stSidebarNavLink"]'))) closeMenu()
}

export default function ({ data }) {
  document.documentElement.lang = data.language
  text = data.text
  translate()
  if (observer) return
  let asked = 0
  observer = new MutationObserver(() => {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; translate() })
  })
  document.addEventListener('click', leave)
  document.addEventListener('keydown', leave)
  observer.observe(document.body, { childList: true, subtree: true })
}
