// What the browser knows of a matrix, and the approximations of it at a rank that moves one vector at a time.
import { floats } from '../shared/paint.js'

// Row k of the product is basis k (of m entries) times M: `left` (k, m) gives leftᵀ M (k, n).
function seenFromLeft(left, M, k, m, n) {
  const seen = new Float32Array(k * n)
  for (let r = 0; r < k; r++) {
    for (let i = 0; i < m; i++) {
      const b = left[r * m + i], from = i * n, to = r * n
      if (b) for (let j = 0; j < n; j++) seen[to + j] += b * M[from + j]
    }
  }
  return seen
}

// Row k is M times basis k (of n entries): `right` (k, n) gives (M right)ᵀ (k, m).
function seenFromRight(right, M, k, m, n) {
  const seen = new Float32Array(k * m)
  for (let r = 0; r < k; r++) {
    for (let i = 0; i < m; i++) {
      let sum = 0
      for (let j = 0; j < n; j++) sum += M[i * n + j] * right[r * n + j]
      seen[r * m + i] = sum
    }
  }
  return seen
}

// Pairs of (k, m) and (k, n): at rank r the approximation is the sum of the outer products of their rows 0 … r - 1.
function terms({ left, right }, M, k, m, n) {
  if (!right) return [[left, seenFromLeft(left, M, k, m, n)]]
  if (!left) return [[seenFromRight(right, M, k, m, n), right]]
  // Both: left_r (core_r right_rᵀ), whose core leftᵀ M right grows by a row and a column.
  const core = seenFromRight(right, seenFromLeft(left, M, k, m, n), k, k, n) // (k, k): [s, r] = left_r · M right_s
  const across = new Float32Array(k * n), down = new Float32Array(k * m)
  for (let r = 0; r < k; r++) {
    for (let s = 0; s <= r; s++) {
      const c = core[s * k + r]
      for (let j = 0; j < n; j++) across[r * n + j] += c * right[s * n + j]
    }
    for (let s = 0; s < r; s++) {
      const c = core[r * k + s]
      for (let i = 0; i < m; i++) down[r * m + i] += c * left[s * m + i]
    }
  }
  return [[left, across], [down, right]]
}

// P (m, n) += sign · the term that belongs to rank r (from 1).
function addTerm(P, pairs, r, sign, m, n) {
  for (const [down, across] of pairs) {
    for (let i = 0, at = 0; i < m; i++) {
      const b = sign * down[(r - 1) * m + i], from = (r - 1) * n
      if (b) for (let j = 0; j < n; j++) P[at++] += b * across[from + j]
      else at += n
    }
  }
}

export function unpack(matrix) {
  const [m, n] = matrix.shape, k = matrix.ranks, M = floats(matrix.M)
  const methods = Object.fromEntries(Object.entries(matrix.methods).map(([name, each]) => {
    const bases = { left: each.left && floats(each.left), right: each.right && floats(each.right) }
    return [name, { ...each, pairs: terms(bases, M, k, m, n), P: new Float32Array(m * n), rank: 0 }]
  }))
  return { ...matrix, m, n, k, M, methods }
}

// Bring a method's picture to a rank, by the shorter way: from where it is, or from nothing.
export function bring(method, rank, m, n) {
  if (rank < Math.abs(method.rank - rank)) {
    method.P.fill(0)
    method.rank = 0
  }
  while (method.rank < rank) addTerm(method.P, method.pairs, ++method.rank, 1, m, n)
  while (method.rank > rank) addTerm(method.P, method.pairs, method.rank--, -1, m, n)
}
