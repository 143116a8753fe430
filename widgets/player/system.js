// The keys of headsets and lock screens, and what those show.
import { address } from '../shared/address.js'

export function tellSystem(player) {
  const session = navigator.mediaSession, { track, page, phase } = player
  if (!session) return
  session.playbackState = player.busy ? 'playing' : phase === 'paused' ? 'paused' : 'none'
  if (globalThis.MediaMetadata) {
    session.metadata = new MediaMetadata({
      title: track.chapter.title, artist: page.text.article, album: page.text.product,
      artwork: [{ src: address('app/static/mark.svg'), type: 'image/svg+xml', sizes: 'any' }],
    })
  }
  if (!player.keyed) {
    player.keyed = true
    const keys = {
      play: () => player.busy || player.toggle(), pause: player.pause, stop: player.pause,
      previoustrack: () => player.step(-1), nexttrack: () => player.step(1),
      seekbackward: ({ seekOffset } = {}) => player.skip(-(seekOffset || 15)),
      seekforward: ({ seekOffset } = {}) => player.skip(seekOffset || 15),
      seekto: ({ seekTime }) => player.seek(seekTime),
    }
    for (const [key, action] of Object.entries(keys)) {
      try { session.setActionHandler(key, action) } catch { /* not every browser has every key */ }
    }
  }
  if (track.duration) {
    const position = Math.min(track.duration, player.time())
    session.setPositionState?.({ duration: track.duration, playbackRate: player.kept.speed, position })
  }
}
