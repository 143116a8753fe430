// Matrices: decoded, multiplied, coloured and painted.
const clamp = (x, least, most) => Math.min(most, Math.max(least, x))
const total = values => values.reduce((sum, x) => sum + x, 0)
const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)
const count = n => Array.from({ length: n }, (_, i) => i + 1)

// Colour: the nine stops of --div-* in 256 steps, paper in the middle.
function colours(element) {
  const style = getComputedStyle(element), context = document.createElement('canvas').getContext('2d')
  const stops = count(9).map(i => {
    context.fillStyle = style.getPropertyValue(`--div-${i - 1}`).trim()
    return [1, 3, 5].map(at => parseInt(context.fillStyle.slice(at, at + 2), 16))
  })
  const bytes = new Uint8ClampedArray(256 * 4)
  for (let i = 0; i < 256; i++) {
    const x = i / 255 * 8, k = Math.min(7, Math.floor(x))
    for (let c = 0; c < 3; c++) bytes[i * 4 + c] = stops[k][c] + (stops[k + 1][c] - stops[k][c]) * (x - k)
    bytes[i * 4 + 3] = 255
  }
  return new Uint32Array(bytes.buffer)
}

// Entry (i, j) is values[i · down + j · right].
function paintMatrix(canvas, values, rows, cols, down, right, limit, table) {
  if (canvas.width !== cols) canvas.width = cols
  if (canvas.height !== rows) canvas.height = rows
  const context = canvas.getContext('2d'), image = context.createImageData(cols, rows)
  const pixels = new Uint32Array(image.data.buffer), scale = 127.5 / limit
  for (let i = 0, pixel = 0; i < rows; i++) {
    for (let j = 0, at = i * down; j < cols; j++, at += right) {
      const shade = 127.5 + values[at] * scale
      pixels[pixel++] = table[shade < 0 ? 0 : shade > 255 ? 255 : shade | 0]
    }
  }
  context.putImageData(image, 0, 0)
}

// Calls back when a canvas has to be painted in other colours: another scheme, or paper. Returns what ends it.
function whenColoursChange(recolour) {
  const schemes = ['(prefers-color-scheme: dark)', 'print'].map(query => matchMedia(query))
  for (const scheme of schemes) scheme.addEventListener('change', recolour)
  return () => { for (const scheme of schemes) scheme.removeEventListener('change', recolour) }
}
