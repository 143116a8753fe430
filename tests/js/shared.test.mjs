import assert from 'node:assert/strict'
import test from 'node:test'

import { createScale } from '../../widgets/guess/scale.js'
import { address } from '../../widgets/shared/address.js'
import { separated, tableOf } from '../../widgets/shared/save.js'
import { createWords, fill } from '../../widgets/shared/words.js'

globalThis.matchMedia = () => ({ addEventListener() {} })
const { laidOver, resolved } = await import('../../widgets/figure/widget.js')

test('a table becomes CSV that a spreadsheet reads back', () => {
  const text = separated({ head: ['Rank', 'a, b'], rows: [['1', 'say "x"'], ['2', 'two\nlines']] })
  assert.equal(text, '\ufeffRank,"a, b"\r\n1,"say ""x"""\r\n2,"two\nlines"\r\n')
  const html = tableOf({ head: ['Rank', 'a'], rows: [['1', '2']] })
  assert.match(html, /<th scope="row">1<\/th><td>2<\/td>/)
})

test('a path is looked for beside the page, wherever the app is served from', () => {
  for (const [page, found] of [
    ['http://a/', 'http://a/audio/x.mp3'], ['http://a/fine-tune?lang=th', 'http://a/audio/x.mp3'],
    ['http://a/pradit/matrices#x', 'http://a/pradit/audio/x.mp3'],
  ]) {
    globalThis.document = { baseURI: page }
    assert.equal(address('audio/x.mp3'), found)
  }
})

function words(text, more = {}) {
  const node = { dataset: { v: 'it' } }
  const made = createWords({ querySelectorAll: () => [node] })
  made.speak({ text, language: 'en', unbroken: [], ...more })
  return [made, node]
}

test('fields are filled in; marks become HTML and nothing else does', () => {
  assert.equal(fill('{a} of {b}', { a: 1, b: 'x' }), '1 of x')
  const [made, node] = words({ it: '**{n}** of *r* < 3' })
  assert.equal(made.plain('it', { n: 2 }), '2 of r < 3')
  made.write({ it: made.words('it', { n: '<b>' }) })
  assert.equal(node.innerHTML, '<b>&#60;b&#62;</b> of <i class="m">r</i> &#60; 3')
  assert.equal(made.read('it'), node.textContent)
})

test('numbers are written as the language writes them, with a true minus', () => {
  const [made] = words({})
  assert.deepEqual([made.number(-1234.5, 1), made.number(2, 2, true), made.percent(0.1234), made.signed(0.5), made.signed(-0.5)],
    ['−1,234.5', '2.00', '12.3%', '+0.500', '−0.500'])
})

test('a word that must not break is held together', () => {
  const [made] = words({}, { unbroken: ['เมทริกซ์'] })
  assert.equal(made.rich('ของเมทริกซ์นี้'), 'ของ<span class="nb">เมทริกซ์</span>นี้')
})

test("a figure's tokens become the colours of now, at any depth, and nothing else changes", () => {
  const tokens = { getPropertyValue: name => ({ '--ink': ' #111 ' })[name] }
  const figure = { line: { color: 'var(--ink)', width: 2 }, x: [1, null, 'var(--ink)'] }
  assert.deepEqual(resolved(figure, tokens), { line: { color: '#111', width: 2 }, x: [1, null, '#111'] })
  assert.equal(figure.line.color, 'var(--ink)')
})

test('the narrow layout is laid over the wide one, axis by axis; ticks are replaced, not mixed', () => {
  const base = { height: 300, xaxis: { title: 'x', tickvals: [1, 2, 3] }, margin: { l: 60 } }
  const both = laidOver(base, { xaxis: { tickvals: [1, 3] }, margin: { l: 40 } })
  assert.deepEqual(both, { height: 300, xaxis: { title: 'x', tickvals: [1, 3] }, margin: { l: 40 } })
  assert.deepEqual(laidOver(base, undefined), base)
  assert.deepEqual(base.xaxis.tickvals, [1, 2, 3])
})

test('a guessed curve: a share of the height is its value again, on both kinds of axis, and stays inside', () => {
  for (const [axis, middle] of [[{ low: 1, high: 100, log: true }, 10], [{ low: 0, high: 4, log: false }, 2]]) {
    const scale = createScale(axis)
    assert.ok(Math.abs(scale.valueAt(0.5) - middle) < 1e-9)
    for (const part of [0, 0.3, 1]) assert.ok(Math.abs(scale.share(scale.valueAt(part)) - part) < 1e-9)
    assert.deepEqual([scale.valueAt(-1), scale.valueAt(2)].map(Math.round), [axis.low, axis.high])
  }
})
