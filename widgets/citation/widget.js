// Entries of BibTeX, each with a button that copies it.
//   data.title, data.entries   [{title, bibtex}]
//   data.text                  copy, copied, not_copied
import { copy } from '../shared/copy.js'

const SAID = 2500 // ms a button says that it is done

export default function ({ data, parentElement }) {
  const find = selector => parentElement.querySelector(selector)
  const list = find('.entries'), status = find('[role=status]'), now = JSON.stringify(data)
  if (list.dataset.now === now) return
  list.dataset.now = now
  find('h2').textContent = data.title
  list.replaceChildren(...data.entries.map(({ title, bibtex }) => {
    const [entry, header, name, button, pre] = ['div', 'header', 'span', 'button', 'pre'].map(tag => document.createElement(tag))
    entry.className = 'entry'
    name.textContent = title
    button.type = 'button'
    button.className = 'btn'
    button.textContent = data.text.copy
    button.ariaLabel = `${data.text.copy}: ${title}`
    pre.textContent = bibtex
    pre.translate = false
    button.onclick = async () => {
      let said = data.text.copied
      try { await copy(bibtex) } catch { said = data.text.not_copied }
      button.textContent = status.textContent = said
      setTimeout(() => { button.textContent = data.text.copy; status.textContent = '' }, SAID)
    }
    header.append(name, button)
    entry.append(header, pre)
    return entry
  }))
}
