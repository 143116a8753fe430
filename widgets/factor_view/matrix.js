// A layer as the browser holds it, its update and its scale.
import { floats } from '../shared/paint.js'

export function decode(layer) {
  const [m, n] = layer.shape, W = floats(layer.W)
  const adapters = layer.adapters.map(each => ({ ...each, B: floats(each.B), A: floats(each.A) }))
  const normW = Math.sqrt(W.reduce((sum, w) => sum + w * w, 0))
  return { ...layer, m, n, W, adapters, normW, P: new Float32Array(m * n), Z: new Float32Array(m * n) }
}

// P (m, n) = γ · (the first `rank` columns of B) · (the first `rank` rows of A)
export function multiply(P, { A, B }, rank, gamma, m, n) {
  P.fill(0)
  for (let k = 0; k < rank; k++) {
    for (let i = 0; i < m; i++) {
      const b = gamma * B[k * m + i], row = i * n, a = k * n
      for (let j = 0; j < n; j++) P[row + j] += b * A[a + j]
    }
  }
}

export const RULES = { // γ, and how it is reckoned
  'alpha/r': { gamma: (alpha, r) => alpha / r, written: (alpha, r) => `${alpha} / ${r} = ` },
  'alpha/sqrt(r)': { gamma: (alpha, r) => alpha / Math.sqrt(r), written: (alpha, r) => `${alpha} / √${r} = ` },
  constant: { gamma: alpha => alpha, written: () => '' },
}
