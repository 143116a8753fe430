import assert from 'node:assert/strict'
import test from 'node:test'

import { bring, unpack } from '../../widgets/decompose/bases.js'
import { levels, shares, spread } from '../../widgets/decompose/chart.js'
import { distance, numbers, product, sent, turned } from './pretend.mjs'

const [m, n, k] = [6, 5, 4]
const next = numbers(7), M = Array.from({ length: m * n }, next)

/** k orthonormal vectors of a length, one a row: Gram and Schmidt. */
function basis(length) {
  const rows = []
  while (rows.length < k) {
    let row = Array.from({ length }, next)
    for (const other of rows) {
      const along = row.reduce((sum, x, i) => sum + x * other[i], 0)
      row = row.map((x, i) => x - along * other[i])
    }
    const size = Math.hypot(...row)
    rows.push(row.map(x => x / size))
  }
  return rows.flat()
}

const left = basis(m), right = basis(n)
const data = methods => unpack({ shape: [m, n], ranks: k, M: sent(M), methods })

/** What r vectors keep of M: (L Lᵀ) M (R Rᵀ), with what there is of the two. */
function kept(r, { left: L, right: R }) {
  let P = M
  if (L) {
    const rows = L.slice(0, r * m), down = turned(rows, r, m)
    P = product(product(down, rows, m, r, m), P, m, m, n)
  }
  if (R) {
    const rows = R.slice(0, r * n), down = turned(rows, r, n)
    P = product(P, product(down, rows, n, r, n), m, n, n)
  }
  return P
}

for (const [name, bases] of Object.entries({ left: { left }, right: { right }, both: { left, right } })) {
  test(`the approximation by ${name} is the projection, at each rank and on any way to it`, () => {
    const packed = Object.fromEntries(Object.entries(bases).map(([side, rows]) => [side, sent(rows)]))
    const { methods } = data({ it: packed })
    for (const r of [1, 3, 4, 2, 0, 4, 1]) {
      bring(methods.it, r, m, n)
      assert.equal(methods.it.rank, r)
      assert.ok(distance([...methods.it.P], kept(r, bases)) < 1e-5, `rank ${r}`)
    }
  })
}

test('labels are pushed apart in their order, within the frame', () => {
  assert.deepEqual(spread([100, 40], 17, 0, 300), [100, 40])
  const placed = spread([290, 288, 20, 289], 17, 30, 292)
  assert.equal(placed[2], 30)
  assert.deepEqual(placed.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i), [2, 1, 3, 0])
  const order = [...placed].sort((a, b) => a - b)
  for (let i = 1; i < order.length; i++) assert.ok(order[i] - order[i - 1] >= 17)
  assert.ok(order.at(-1) <= 292)
})

test('an axis names round numbers, few of them and none outside', () => {
  assert.deepEqual(levels(0.09), [1, 0.5, 0.2, 0.1])
  assert.deepEqual(levels(0.004).at(-1), 0.005)
  for (const most of [0.04, 0.12, 0.3, 0.625, 1, 2, 4]) {
    const named = shares(most)
    assert.ok(named.length <= 5, `${most}: ${named}`)
    assert.ok(named.every(value => value > 0 && value <= most + 1e-9))
    if (most >= 0.1) assert.ok(named.length >= 2, `${most}: ${named}`)
  }
})
