import assert from 'node:assert/strict'
import test from 'node:test'

import { arrange } from '../../widgets/factor_view/arrange.js'
import { decode, multiply, RULES } from '../../widgets/factor_view/matrix.js'
import { createStrip } from '../../widgets/factor_view/strip.js'
import { distance, numbers, product, sent, turned } from './pretend.mjs'

globalThis.devicePixelRatio = 1
const [m, n, r] = [5, 7, 3]

function layer() {
  const next = numbers(), fill = size => Array.from({ length: size }, next)
  const W = fill(m * n), B = fill(m * r), A = fill(r * n)
  return { W, B, A, sent: { shape: [m, n], W: sent(W), adapters: [{ rank: r, gamma: 2, B: sent(turned(B, m, r)), A: sent(A) }] } }
}

test('a layer is unpacked with the norm of W and room for its pictures', () => {
  const { W, sent: packed } = layer(), D = decode(packed)
  assert.deepEqual([D.m, D.n, D.P.length, D.Z.length], [m, n, m * n, m * n])
  assert.ok(distance([...D.W], W) < 1e-6)
  assert.ok(Math.abs(D.normW - Math.hypot(...W)) < 1e-5)
})

test('the picture at a rank is γ times the first columns of B times the first rows of A', () => {
  const { B, A, sent: packed } = layer(), D = decode(packed)
  for (let rank = 0; rank <= r; rank++) {
    multiply(D.P, D.adapters[0], rank, 1.5, m, n)
    const left = Array.from({ length: m * rank }, (_, at) => 1.5 * B[Math.floor(at / rank) * r + at % rank])
    const right = A.slice(0, rank * n)
    assert.ok(distance([...D.P], product(left, right, m, rank, n)) < 1e-5, `rank ${rank}`)
  }
})

test('γ follows its rule and is written as it is reckoned', () => {
  assert.deepEqual(Object.values(RULES).map(rule => rule.gamma(16, 4)), [4, 8, 16])
  assert.deepEqual(Object.values(RULES).map(rule => rule.written('16', 4)), ['16 / 4 = ', '16 / √4 = ', ''])
})

test('the pictures stand in a row, in two storeys or one below the other, and never overflow', () => {
  assert.equal(arrange(1200, 64, 64, 32, false).way, 'row')
  assert.equal(arrange(900, 64, 256, 32, false).way, 'storeys')
  assert.equal(arrange(328, 64, 256, 32, false).way, 'column')
  assert.equal(arrange(328, 64, 64, 16, true).way, 'alone')
  for (const [rows, columns] of [[64, 64], [192, 64], [256, 64], [64, 256]]) {
    for (let width = 300; width <= 1400; width += 7) {
      const { way, px, q } = arrange(width, rows, columns, 32, false)
      assert.ok(px > 0 && q > 0, `${way} at ${width}`)
      if (way === 'row') assert.ok(px * (3 * columns + 32) + 100 <= width)
      if (way === 'storeys') assert.ok(q * 2 * columns + 44 <= width && px * (columns + 32) + 12 <= width)
      if (way === 'column') assert.ok(q * columns <= width && px * (columns + 32) + 12 <= width)
    }
  }
})

test('a place on the strip is a rank: from 1 at its left edge to the last, also beyond its ends', () => {
  const part = { querySelector: () => part, querySelectorAll: () => [] }
  const strip = { ...part, querySelector: () => part, getBoundingClientRect: () => ({ left: 100, width: 320 }) }
  const { rankAt } = createStrip(strip)
  const at = x => rankAt({ clientX: 100 + x }, 32)
  assert.deepEqual([-50, 0, 1, 10, 11, 319, 320, 900].map(at), [1, 1, 1, 1, 2, 32, 32, 32])
})
