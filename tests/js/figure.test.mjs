// Charts of a page are drawn one at a time, those that are looked at first.
import assert from 'node:assert/strict'
import { test } from 'node:test'

globalThis.window = {}
const { dropped, inTurn } = await import('../../widgets/figure/queue.js')
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

function charts(drawn, sights) {
  let busy = 0
  return sights.map((seen, i) => ({
    seen,
    async draw() {
      assert.equal(++busy, 1, 'two are drawn at once')
      await pause(5)
      busy--
      drawn.push(i)
    },
  }))
}

test('those in sight come first, each in a turn of its own', async () => {
  const drawn = [], all = charts(drawn, [false, true, false, true])
  all.forEach(inTurn)
  await pause(200)
  assert.deepEqual(drawn, [1, 3, 0, 2])
})

test('one that comes into sight while it waits goes before the others', async () => {
  const drawn = [], all = charts(drawn, [false, false, false])
  all.forEach(inTurn)
  all[2].seen = true
  await pause(200)
  assert.deepEqual(drawn, [2, 0, 1])
})

test('one that is gone is not drawn, and one that comes later is', async () => {
  const drawn = [], all = charts(drawn, [true, true])
  inTurn(all[0])
  dropped(all[0])
  await pause(60)
  inTurn(all[1])
  await pause(60)
  assert.deepEqual(drawn, [1])
})
