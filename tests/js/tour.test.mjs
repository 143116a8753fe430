// What the tour's card hides.
import assert from 'node:assert/strict'
import { test } from 'node:test'

globalThis.matchMedia = () => ({ matches: false })
const { covers } = await import('../../widgets/tour/aim.js')

const card = { left: 1000, right: 1368, top: 600, bottom: 884 }
const box = (left, top, width = 200, height = 40) => ({ left, right: left + width, top, bottom: top + height })

test('a control under the card or touching it is hidden; one beside or above it is not', () => {
  assert.equal(covers(card, box(1100, 700)), true)
  assert.equal(covers(card, box(900, 620)), true)
  assert.equal(covers(card, box(790, 700)), true) // its ring would be
  assert.equal(covers(card, box(700, 700)), false)
  assert.equal(covers(card, box(1100, 500)), false)
  assert.equal(covers(card, box(0, 0, 1440, 900)), true)
})
