// Copies an address of this site.
import { address } from '../shared/address.js'
import { copy } from '../shared/copy.js'

const SAID = 2500 // ms the button says that it is done
const timers = new WeakMap()

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button')
  const status = parentElement.querySelector('[role=status]')
  if (!timers.has(button)) button.textContent = data.text.copy
  button.onclick = async () => {
    let said = data.text.copied
    try {
      await copy(address(data.path))
    } catch {
      said = data.text.not_copied
    }
    button.textContent = status.textContent = said
    clearTimeout(timers.get(button))
    timers.set(button, setTimeout(() => {
      timers.delete(button)
      button.textContent = data.text.copy
      status.textContent = ''
    }, SAID))
  }
}
