// Brings files to the server by a plain request each, then tells the page their names. What is too large is not sent.
import { address } from '../shared/address.js'
import { fill } from '../shared/words.js'

const zones = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let zone = zones.get(parentElement)
  if (!zone) zones.set(parentElement, zone = createZone(parentElement.querySelector('.root')))
  zone.update(data, files => setTriggerValue('files', files))
  return () => zones.delete(parentElement)
}

function createZone(root) {
  const input = root.querySelector('input'), area = root.querySelector('.zone')
  const status = root.querySelector('.status'), refusal = root.querySelector('.refusal')
  let data, tell, busy = false, waiting = []

  async function post(file) {
    const answer = await fetch(address('upload'), { method: 'POST', body: file, headers: { 'x-pradit-upload': '1', 'content-type': 'application/octet-stream' } })
    return answer.json()
  }

  async function bring(files) {
    if (!files.length) return
    if (busy) return void (waiting = files) // what came last comes next
    refusal.textContent = ''
    const large = files.find(file => file.size > data.most)
    if (large || files.length > data.files) {
      refusal.textContent = large ? fill(data.text.large, { name: large.name }) : data.text.many
      return
    }
    busy = true
    root.classList.add('busy')
    status.textContent = data.text.sending
    try {
      const said = []
      for (const file of files) said.push({ ...await post(file), name: file.name })
      const refused = said.find(each => each.refused)
      if (refused) refusal.textContent = data.text[refused.refused] ?? data.text.failed
      else tell(said)
    } catch {
      refusal.textContent = data.text.failed
    }
    busy = false
    status.textContent = ''
    root.classList.remove('busy')
    await bring(waiting.splice(0))
  }

  input.addEventListener('change', async () => {
    await bring([...input.files])
    input.value = '' // so that the same file can be chosen again
  })
  for (const name of ['dragenter', 'dragover']) {
    area.addEventListener(name, event => { event.preventDefault(); area.classList.add('over') })
  }
  for (const name of ['dragleave', 'drop']) area.addEventListener(name, () => area.classList.remove('over'))
  area.addEventListener('drop', event => { event.preventDefault(); bring([...event.dataTransfer.files]) })

  return {
    update(next, send) {
      if (data?.told !== next.told || data?.refusal !== next.refusal) refusal.textContent = next.refusal
      data = next
      tell = send
      root.querySelector('.btn span').textContent = data.text.choose
      root.querySelector('.hint').textContent = data.text.hint
      input.accept = data.accept
      input.multiple = data.files > 1
      input.setAttribute('aria-describedby', 'hint')
    },
  }
}
