// What a browser has and node has not, as far as the code that computes asks for it.

/** A canvas that keeps what is put on it: `pixels` are (height, width), each as red, green, blue, opacity. */
export function canvas() {
  const made = { width: 0, height: 0, filled: [], cleared: [] }
  made.getContext = () => ({
    createImageData: (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height) }),
    putImageData: image => { made.image = image },
    fillRect: (...at) => made.filled.push(at),
    clearRect: (...at) => made.cleared.push(at),
  })
  made.pixel = (i, j) => [...made.image.data.slice(4 * (i * made.width + j), 4 * (i * made.width + j) + 4)]
  return made
}

/** Numbers as the server sends them. */
export const sent = numbers => Buffer.from(new Float32Array(numbers).buffer).toString('base64')

/** A generator of numbers in ±1, the same at each run. */
export function numbers(seed = 1) {
  let state = seed
  return () => {
    state = (1103515245 * state + 12345) % 2 ** 31
    return state / 2 ** 30 - 1
  }
}

/** Left (m, k) times right (k, n), row by row. */
export const product = (left, right, m, k, n) => Array.from({ length: m * n }, (_, at) => {
  const i = Math.floor(at / n), j = at % n
  let sum = 0
  for (let r = 0; r < k; r++) sum += left[i * k + r] * right[r * n + j]
  return sum
})

/** The columns and rows of (m, n) exchanged. */
export const turned = (values, m, n) => Array.from({ length: m * n }, (_, at) => values[(at % m) * n + Math.floor(at / m)])

/** The furthest two lists of numbers are from each other. */
export const distance = (one, other) => {
  if (one.length !== other.length) return Infinity
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0)
}
