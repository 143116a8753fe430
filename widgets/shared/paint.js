// Matrices: decoded, multiplied, coloured and painted.
export const clamp = (x, least, most) => Math.min(most, Math.max(least, x))
export const total = values => values.reduce((sum, x) => sum + x, 0)
export const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)
export const count = n => Array.from({ length: n }, (_, i) => i + 1)

// 256 colours between stops [red, green, blue] at equal distances; as pixels, whose bytes stand in that order.
export function ramp(stops) {
  const bytes = new Uint8ClampedArray(256 * 4), last = stops.length - 1
  for (let i = 0; i < 256; i++) {
    const x = i / 255 * last, k = Math.min(last - 1, Math.floor(x))
    for (let c = 0; c < 3; c++) bytes[i * 4 + c] = stops[k][c] + (stops[k + 1][c] - stops[k][c]) * (x - k)
    bytes[i * 4 + 3] = 255
  }
  return new Uint32Array(bytes.buffer)
}

// The scale that the page's tokens --<name>-0 … give `element` now: nine of signs, with paper in the middle, or seven of sizes.
export function colours(element, name = 'div') {
  const style = getComputedStyle(element), context = document.createElement('canvas').getContext('2d')
  return ramp(count({ div: 9, seq: 7 }[name]).map(i => {
    context.fillStyle = style.getPropertyValue(`--${name}-${i - 1}`).trim()
    return [1, 3, 5].map(at => parseInt(context.fillStyle.slice(at, at + 2), 16))
  }))
}

// Entry (i, j) is values[i · down + j · right].
export function paintMatrix(canvas, values, rows, cols, down, right, limit, table) {
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
export function whenColoursChange(recolour) {
  const schemes = ['(prefers-color-scheme: dark)', 'print'].map(query => matchMedia(query))
  for (const scheme of schemes) scheme.addEventListener('change', recolour)
  return () => { for (const scheme of schemes) scheme.removeEventListener('change', recolour) }
}
