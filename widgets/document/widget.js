// What belongs to the whole document: <html lang>, which Streamlit fixes to "en", and the few words that
// Streamlit itself says to screen readers. Its nodes come and go, so an observer says them again.
let text = {}
let observer

function translate() {
  const skip = document.querySelector('[data-testid="stSkipToContent"]')
  if (skip && skip.textContent !== text.skip) skip.textContent = text.skip
  for (const [index, value] of [text.english, text.thai].entries()) {
    const button = document.querySelectorAll('.st-key-lang [role=radio]')[index]
    if (!button || button.dataset.label === value) continue
    button.dataset.label = value
    button.lang = ['en', 'th'][index]
    button.setAttribute('aria-label', [text.english_name, text.thai_name][index])
  }
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
  observer.observe(document.body, { childList: true, subtree: true })
}
