// Canvases: matrices in grey or on the scale of signs, the columns and rows that were chosen.
const greys = Uint32Array.from({ length: 256 }, (_, g) => (255 << 24 | g << 16 | g << 8 | g) >>> 0)

// A canvas of (m, n) entries, painted again and again.
function createPicture(canvas) {
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

// Chosen columns and rows in one colour over the whole height and width (m, n), or as ticks in a strip.
function paintLines(canvas, m, n, columns, rows, colour) {
  canvas.width = n
  canvas.height = m
  const context = canvas.getContext('2d')
  context.fillStyle = colour
  for (const j of columns) context.fillRect(j, 0, 1, m)
  for (const i of rows) context.fillRect(0, i, n, 1)
}
