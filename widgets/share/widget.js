// The address in the bar is the state of the page: what is shown here is read when the dialog opens.
import { address } from '../shared/address.js'
import { copy } from '../shared/copy.js'

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/
const SAID = 2500 // ms the button says that it is done
const OPEN = 'pradit-share' // the event of another button that opens the dialog
let listening

/** The address as others in the room reach it: null where nobody but this computer does. */
function reachable(addresses) {
  const url = new URL(location.href)
  if (!LOOPBACK.test(url.hostname)) return url.href
  if (!addresses.length) return null
  url.hostname = addresses[0]
  return url.href
}

export default function ({ data, parentElement }) {
  const { text } = data
  const find = selector => parentElement.querySelector(selector)
  const dialog = find('dialog'), input = find('input'), button = find('.link .btn'), status = find('[role=status]')
  find('.open').ariaLabel = find('.open').title = text.open
  find('.close').ariaLabel = text.close
  find('h2').textContent = text.title
  find('.about').textContent = text.about
  find('.how').textContent = text.alone
  input.ariaLabel = text.address
  button.textContent = text.copy
  status.textContent = ''

  const open = () => {
    const reached = reachable(data.addresses)
    input.value = reached ?? location.href
    find('.alone').hidden = Boolean(reached)
    find('.room').hidden = !reached
    if (reached) {
      const image = find('img')
      image.src = address(`qr.svg?text=${encodeURIComponent(reached)}`)
      image.alt = text.code.replace('{address}', reached)
      find('figcaption').textContent = text.scan
    }
    dialog.showModal()
    input.scrollLeft = 0
  }
  find('.open').onclick = open
  listening?.abort()
  listening = new AbortController()
  document.addEventListener(OPEN, open, { signal: listening.signal })
  find('.close').onclick = () => dialog.close()
  dialog.onclick = event => { if (event.target === dialog) dialog.close() } // on what lies behind it
  button.onclick = async () => {
    let said = text.copied
    try {
      await copy(input.value, dialog)
    } catch {
      said = text.not_copied
    }
    button.textContent = status.textContent = said
    setTimeout(() => { button.textContent = text.copy; status.textContent = '' }, SAID)
  }
}
