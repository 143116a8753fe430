// How the pictures stand: an instrument on one screen, or a picture over a sheet of controls on a phone.
//   px and q: the side of an entry of BA, and of W and W′; whole device pixels where there is room for two.

const PANEL = 19, SIDE = 12, GAP = 3, NAMES = 4 // rem: the controls, W and W′, between columns, labels
export const NARROW = 56 // rem of the widget below which the controls are a sheet

export function arrange({ width, height, rem = 16 }, m, n, most, compact) {
  const grain = 1 / (devicePixelRatio || 1)
  const whole = px => px < 2 * grain ? px : Math.floor(px / grain + 1e-6) * grain
  if (compact) {
    const name = 76 // "B 64 × 32" needs this room
    const tall = Math.max(1, 520 / m), block = Math.min((width - 12) / (n + most), (width - 12 - name) / n)
    const way = width < 620 ? 'alone' : 'beside', half = way === 'beside' ? (width - 300) / (n + most) : block
    return { way, px: whole(Math.min(5, tall, half)), q: 0 }
  }
  const tall = (height - NAMES * rem) / (m + most)
  if (width < NARROW * rem) {
    const corner = 88 // W′ stands over B
    const wide = Math.min((width - 12) / (n + most), (width - 12 - corner) / n)
    return { way: 'phone', px: whole(Math.max(.75, Math.min(6, tall, wide))), q: Math.min(80 / Math.max(m, n), 1.25) }
  }
  const wide = (width - (PANEL + SIDE + 2 * GAP) * rem - 10) / (n + most)
  const q = Math.min(SIDE * 16 / n, (height - 8 * rem) / (2 * m))
  return { way: 'wide', px: whole(Math.max(1, Math.min(6, tall, wide))), q: whole(q) }
}
