import assert from 'node:assert/strict'
import test from 'node:test'

import { ring, roundAt } from '../../widgets/answers/widget.js'

const rounds = [0, 4, 8].map(step => ({ step, answers: [] }))

test('a model that learns follows the slider, the others stand at their last round', () => {
  assert.equal(roundAt({ moves: true, rounds }, 1).step, 4)
  assert.equal(roundAt({ moves: true, rounds }, 9).step, 8)
  assert.equal(roundAt({ moves: false, rounds }, 0).step, 8)
})

test('a mark is full, half or empty', () => {
  assert.deepEqual([1, 0.75, 0.5, 0.25, 0].map(ring), ['yes', 'yes', 'half', 'no', 'no'])
})
