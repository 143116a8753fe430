// The sign of what is playing: its waveform and how far it is.
import { thePlayer } from '../player/player.js'
import { drawWave } from '../player/wave.js'
import { clock } from '../player/widget.js'
import { fill } from '../shared/words.js'

export function createHear(root) {
  const player = thePlayer(), signs = [...root.querySelectorAll('.playing')]
  let text
  const face = {
    show() {
      const { track, book } = player, on = Boolean(text && track && player.present && player.phase !== 'idle')
      for (const sign of signs) {
        sign.hidden = !on
        if (on) sign.ariaLabel = fill(text.hear, { n: book.indexOf(track.chapter) + 1 })
      }
      if (on) face.tick()
    },
    tick() {
      if (document.hidden || !player.track) return
      const time = player.time(), at = clock(time)
      for (const sign of signs) {
        if (!sign.offsetWidth) continue
        const said = sign.querySelector('span')
        if (said.textContent !== at) said.textContent = at
        drawWave(sign.querySelector('canvas'), player.track, time, { step: 4 })
      }
    },
  }
  player.faces.add(face)
  return {
    update(words) { text = words; face.show() },
    end: () => player.faces.delete(face),
  }
}
