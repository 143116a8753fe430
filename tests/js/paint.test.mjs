import assert from 'node:assert/strict'
import test from 'node:test'

import { createPicture, greys, paintLines } from '../../widgets/decompose/paint.js'
import { clamp, count, floats, paintMatrix, ramp, total } from '../../widgets/shared/paint.js'
import { canvas, sent } from './pretend.mjs'

globalThis.matchMedia = () => ({ addEventListener() {} })
const { paint } = await import('../../widgets/heatmap/widget.js')

const BLUE = [0, 0, 200], PAPER = [250, 250, 250], RED = [200, 0, 0]
const bytes = colour => [...new Uint8Array(Uint32Array.of(colour).buffer)]

test('numbers arrive as the server holds them', () => {
  assert.deepEqual([...floats(sent([0, -1.5, 3e-8, 1e20]))], [...new Float32Array([0, -1.5, 3e-8, 1e20])])
  assert.deepEqual(count(3), [1, 2, 3])
  assert.equal(total([1, 2, 3.5]), 6.5)
  assert.deepEqual([-2, 0.5, 9].map(x => clamp(x, 0, 1)), [0, 0.5, 1])
})

test('a scale runs from its first stop to its last, each stop at its place and all of it opaque', () => {
  const table = ramp([BLUE, PAPER, RED])
  assert.equal(table.length, 256)
  assert.deepEqual(bytes(table[0]), [...BLUE, 255])
  assert.deepEqual(bytes(table[255]), [...RED, 255])
  const [low, high] = [127, 128].map(at => bytes(table[at]))
  for (let c = 0; c < 3; c++) assert.ok(Math.abs(low[c] - PAPER[c]) <= 1 && Math.abs(high[c] - PAPER[c]) <= 1)
  const seven = ramp(count(7).map(i => [30 * i, 0, 0]))
  assert.deepEqual(count(7).map(i => bytes(seven[Math.round((i - 1) * 255 / 6)])[0]).map(x => Math.round(x / 30)), count(7))
})

test('an entry is painted where it stands: blue below zero, red above, and no further than the ends', () => {
  const table = ramp([BLUE, PAPER, RED]), shown = canvas()
  paintMatrix(shown, [-1, 0, 1, 5, -5, 0.5], 2, 3, 3, 1, 1, table) // rows one below the other
  assert.deepEqual([shown.width, shown.height], [3, 2])
  assert.deepEqual(shown.pixel(0, 0), [...BLUE, 255])
  assert.deepEqual(shown.pixel(0, 2), [...RED, 255])
  assert.deepEqual(shown.pixel(1, 0), [...RED, 255])
  assert.deepEqual(shown.pixel(1, 1), [...BLUE, 255])
  const [red, , blue] = shown.pixel(1, 2)
  assert.ok(red > blue)
  const across = canvas()
  paintMatrix(across, [-1, 5, 0, -5, 1, 0.5], 2, 3, 1, 2, 1, table) // the same, sent column by column
  assert.deepEqual(across.image.data, shown.image.data)
})

test('a matrix of sizes begins at zero, one of signs has zero in the middle', () => {
  const table = ramp([PAPER, RED]), shown = canvas()
  paint(shown, { rows: 1, cols: 3, data: sent([0, 1, 2]) }, 2, 'seq', table)
  assert.deepEqual(shown.pixel(0, 0), [...PAPER, 255])
  assert.deepEqual(shown.pixel(0, 2), [...RED, 255])
  const signed = ramp([BLUE, PAPER, RED])
  paint(shown, { rows: 1, cols: 3, data: sent([-2, 0, 2]) }, 2, 'div', signed)
  assert.deepEqual([0, 1, 2].map(j => shown.image.data[4 * j] > 128), [false, true, true])
  paint(shown, { rows: 1, cols: 1, data: sent([0]) }, 0, 'div', signed) // nothing but zeros: paper
  assert.ok(shown.image.data[0] > 245 && shown.image.data[2] > 245)
})

test('a photograph is grey by its bytes and is cut off at black and white', () => {
  const shown = canvas()
  createPicture(shown).paint([0, 17, 255, 300, -4, 128], 2, 3, 0.5, 1, greys)
  assert.deepEqual([0, 1, 2].map(j => shown.pixel(0, j)[0]), [0, 17, 255])
  assert.deepEqual([0, 1, 2].map(j => shown.pixel(1, j)), [[255, 255, 255, 255], [0, 0, 0, 255], [128, 128, 128, 255]])
})

test('chosen columns and rows are drawn whole, or left open in a veil', () => {
  const lines = canvas(), veil = canvas()
  paintLines(lines, 4, 6, [5], [0, 3], 'red')
  assert.deepEqual(lines.filled, [[5, 0, 1, 4], [0, 0, 6, 1], [0, 3, 6, 1]])
  assert.deepEqual(lines.cleared, [])
  paintLines(veil, 4, 6, [5], [0], 'red', true)
  assert.deepEqual(veil.filled, [[0, 0, 6, 4]])
  assert.deepEqual(veil.cleared, [[5, 0, 1, 4], [0, 0, 6, 1]])
})
