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

test('picture and controls share one screen, beside each other or over a sheet, and never overflow', () => {
  assert.equal(arrange({ width: 1184, height: 560 }, 64, 64, 32, false).way, 'wide')
  assert.equal(arrange({ width: 320, height: 300 }, 64, 64, 32, false).way, 'phone')
  assert.equal(arrange({ width: 328, height: 0 }, 64, 64, 16, true).way, 'alone')
  for (const [rows, columns] of [[64, 64], [192, 64], [256, 64], [64, 256]]) {
    for (let width = 320; width <= 1400; width += 9) {
      for (const height of [320, 520, 760]) {
        const { way, px, q } = arrange({ width, height }, rows, columns, 32, false), name = `${way} ${rows} × ${columns} at ${width} × ${height}`
        assert.ok(px > 0 && q > 0, name)
        assert.ok(px * (rows + 32) + 64 <= Math.max(height, rows + 32 + 64), name)
        if (way === 'phone') assert.ok(px * (columns + 32) <= width && q * columns <= 80, name)
        else assert.ok(px * (columns + 32) + 304 + 192 <= width && q * columns <= 192, name)
      }
    }
  }
})

const strip = () => {
  const svg = { attributes: {}, setAttribute(name, value) { this.attributes[name] = value }, clientHeight: 64 }
  const bars = Array.from({ length: 32 }, () => ({ on: false, classList: { toggle(_, on) { this.owner.on = on } } }))
  for (const bar of bars) bar.classList.owner = bar
  const group = { innerHTML: '', querySelectorAll: () => bars }
  svg.querySelector = () => group
  const node = { clientWidth: 318, querySelector: () => svg, getBoundingClientRect: () => ({ left: 100, width: 318 }) }
  return { ...createStrip(node), bars, group }
}
const linear = Array.from({ length: 32 }, (_, i) => i / 31), powers = Array.from({ length: 32 }, (_, i) => Math.log2(i + 1) / 5)

test('a place on the strip is the rank whose bar is nearest, also beyond its ends', () => {
  for (const [places, x, rank] of [[linear, -50, 1], [linear, 9, 1], [linear, 9 + 300 / 31 * 7.4, 8], [linear, 900, 32],
    [powers, 9 + 60, 2], [powers, 9 + 180, 8], [powers, 309, 32]]) {
    const { measure, draw, rankAt } = strip()
    measure()
    draw([1], 1, places)
    assert.equal(rankAt({ clientX: 100 + x }), rank)
  }
})

test('a bar stands over the thumb at its rank, as high as its value, and is filled up to the cut', () => {
  const { measure, draw, cut, group, bars } = strip()
  measure()
  draw([4, 2], 4, linear)
  const [first, second] = [...group.innerHTML.matchAll(/x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"/g)].map(found => found.slice(1).map(Number))
  assert.ok(Math.abs(first[0] + first[2] / 2 - 9) < 1e-6)
  assert.ok(Math.abs(second[0] + second[2] / 2 - (9 + 300 / 31)) < 1e-6)
  assert.equal(first[3], 62)
  assert.equal(second[3], 31)
  cut(5)
  assert.deepEqual(bars.map(bar => bar.on), bars.map((_, i) => i < 5))
})
