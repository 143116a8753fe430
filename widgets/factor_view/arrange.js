// How the pictures stand: in a row, in two storeys, or one below the other.
//   px and q: the side of an entry of BA, and of W and W′; whole device pixels where there is room for two.

export function arrange(width, m, n, most, compact) {
  const grain = 1 / (devicePixelRatio || 1), name = 76 // "B 64 × 32" needs this room
  const whole = px => px < 2 * grain ? px : Math.floor(px / grain + 1e-6) * grain
  const tall = Math.max(1, 520 / m), block = Math.min((width - 12) / (n + most), (width - 12 - name) / n)
  if (compact) {
    const way = width < 620 ? 'alone' : 'beside', half = way === 'beside' ? (width - 300) / (n + most) : block
    return { way, px: whole(Math.min(5, tall, half)), q: 0 }
  }
  const row = whole(Math.min(4, tall, (width - 100) / (3 * n + most)))
  if (row >= Math.min(3, 0.9 * tall)) return { way: 'row', px: row, q: row }
  const px = whole(Math.min(6, tall, block)), pair = (width - 44) / (2 * n)
  if (pair >= 1.5) return { way: 'storeys', px, q: whole(Math.min(4, tall, pair)) }
  return { way: 'column', px, q: whole(Math.min(4, tall, width / n)) }
}
