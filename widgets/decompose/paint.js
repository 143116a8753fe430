// Canvases: matrices in grey or on the scale of signs, the columns and rows that were chosen.
export const greys = Uint32Array.from({ length: 256 }, (_, g) => (255 << 24 | g << 16 | g << 8 | g) >>> 0)

// A canvas of (m, n) entries, painted again and again.
export function createPicture(canvas) {
  const context = canvas.getContext('2d')
  let image, pixels
  return {
    canvas,
    paint(values, m, n, offset, scale, table) {
      if (image?.width !== n || image?.height !== m) {
        canvas.width = n
        canvas.height = m
        image = context.createImageData(n, m)
        pixels = new Uint32Array(image.data.buffer)
      }
      for (let i = 0; i < pixels.length; i++) {
        const shade = offset + values[i] * scale
        pixels[i] = table[shade < 0 ? 0 : shade > 255 ? 255 : shade | 0]
      }
      context.putImageData(image, 0, 0)
    },
  }
}

// Chosen columns and rows (m, n) in one colour; as ticks, where the canvas is a strip one entry wide. Or, left
// open in a veil of that colour over all the rest.
export function paintLines(canvas, m, n, columns, rows, colour, veil = false) {
  canvas.width = n
  canvas.height = m
  const context = canvas.getContext('2d')
  context.fillStyle = colour
  if (veil) context.fillRect(0, 0, n, m)
  const mark = veil ? context.clearRect : context.fillRect
  for (const j of columns) mark.call(context, j, 0, 1, m)
  for (const i of rows) mark.call(context, 0, i, n, 1)
}
