// The sheet of narrow screens: all pages, a line each. The page behind it keeps still.
const OPEN = 'menu-open' // a class of the document while it is open
const SHARE = 'pradit-share' // the event that opens what the share button opens

export function createSheet(root, signal) {
  const find = selector => root.querySelector(selector)
  const dialog = find('dialog'), burger = find('.burger'), languages = find('.languages')
  const still = open => document.documentElement.classList.toggle(OPEN, open)

  burger.onclick = () => {
    dialog.showModal()
    dialog.scrollTop = 0
    burger.ariaExpanded = 'true'
    still(true)
  }
  find('.close').onclick = () => dialog.close()
  find('.share').onclick = () => document.dispatchEvent(new Event(SHARE))
  dialog.onclose = () => {
    burger.ariaExpanded = 'false'
    still(false)
    burger.focus({ preventScroll: true })
  }
  signal.addEventListener('abort', () => still(false))

  // The switch in the bar is the one that holds the language: these press it.
  const radios = () => document.querySelectorAll('.st-key-lang [role=radio]')
  languages.onclick = event => {
    const button = event.target.closest('button')
    if (button) radios()[[...languages.children].indexOf(button)]?.click()
  }

  return {
    close() { if (dialog.open) dialog.close() },
    update({ text, language }) {
      burger.ariaLabel = text.open
      find('.close').ariaLabel = text.close
      dialog.ariaLabel = text.pages
      languages.ariaLabel = text.language
      const names = Object.keys(text).filter(key => key.endsWith('_sign')).map(key => key.slice(0, -5))
      while (languages.children.length < names.length) languages.append(document.createElement('button'))
      names.forEach((name, i) => {
        const button = languages.children[i]
        button.type = 'button'
        button.lang = name
        button.textContent = text[`${name}_sign`]
        button.ariaLabel = text[name]
        button.ariaPressed = String(name === language)
      })
    },
  }
}
